import { z } from 'zod'
import { ConnectionId, UserId } from '../ids/own-id.ts'
import { AnyId, TaskId } from '../ids/resource-id.ts'
import { bytes, fraction, flag, text, time, word } from '../schema/fields.ts'

export const taskStates = ['pending', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled'] as const

/** Why something failed: a code of the catalogue and its sentence. */
export const Failure = z
  .strictObject({
    code: text('Stable code (docs/reference/errors.md), or `xapi.<CODE>` and the like from a provider.'),
    message: text('One sentence: what is wrong, where, what to do.'),
    details: z.record(z.string(), z.unknown()).optional().meta({ description: 'What the sentence was made of.' }),
  })
  .meta({ id: 'Failure', description: 'Why something failed.' })
export type Failure = z.infer<typeof Failure>

/** Something that takes a while: asked for through Nixen (connection `nixen`), or seen on a host. */
export const Task = z
  .strictObject({
    id: TaskId,
    connection: ConnectionId.meta({ description: '`nixen` for a task of Nixen itself.' }),
    name: text('What it does, for people.'),
    action: text('What it does, for programs: vm.start, or what the provider calls it.').optional(),
    state: word(taskStates, 'How it goes.'),
    progress: fraction('How far it is, from 0 to 1.').optional(),
    detail: text('What it is doing now.').optional(),
    on: z.array(AnyId).meta({ description: 'Objects that it works on.' }),
    user: UserId.optional().meta({ description: 'Who asked for it.' }),
    parent: TaskId.optional().meta({ description: 'The task that this is a step of.' }),
    cancellable: flag('Can be cancelled now.'),
    created: time('When it was asked for.'),
    started: time('When it began.').optional(),
    finished: time('When it ended.').optional(),
    bytes: bytes('How much it has moved, in bytes.').optional(),
    bytesTotal: bytes('How much it will move, in bytes, as far as that is known.').optional(),
    eta: time('When it will be done, as it looks now.').optional(),
    made: z.array(AnyId).optional().meta({ description: 'What it made.' }),
    error: Failure.optional().meta({ description: 'Why it failed.' }),
  })
  .meta({ id: 'Task', description: 'Something that takes a while.' })
export type Task = z.infer<typeof Task>

/** The answer of an action: where to follow it. */
export const TaskRef = z
  .strictObject({ task: TaskId })
  .meta({ id: 'TaskRef', description: 'Where to follow what was asked for.' })
export type TaskRef = z.infer<typeof TaskRef>

/** A line of the log of a task. */
export const TaskLine = z
  .strictObject({ at: time('When it was written.'), text: text('What happened.') })
  .meta({ id: 'TaskLine', description: 'A line of the log of a task.' })
export type TaskLine = z.infer<typeof TaskLine>
