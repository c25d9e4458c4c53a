import { z } from 'zod'
import { JobId, RunId, UserId } from '../ids/own-id.ts'
import { AnyId, TaskId } from '../ids/resource-id.ts'
import { bytes, count, text, time, word } from '../schema/fields.ts'
import { Failure } from '../task/task.ts'

export const runStates = ['running', 'succeeded', 'warned', 'failed', 'cancelled', 'interrupted', 'skipped'] as const

/** An object whose turn has not come waits. */
export const itemStates = ['waiting', ...runStates] as const

/** What a run did with one object. */
export const RunItem = z
  .strictObject({
    id: AnyId.optional().meta({ description: 'The object; absent when it is none of the inventory.' }),
    name: text('Its name at that time.'),
    state: word(itemStates, 'How it went.'),
    task: TaskId.optional().meta({ description: 'Its task.' }),
    started: time('When it began.').optional(),
    finished: time('When it ended.').optional(),
    read: bytes('Bytes read from its disks.').optional(),
    written: bytes('Bytes written to repositories.').optional(),
    notes: z
      .array(z.string())
      .default([])
      .meta({ description: 'What people may want to know: why a whole disk was read, and so on.' }),
    error: Failure.optional().meta({ description: 'Why it failed.' }),
  })
  .meta({ id: 'RunItem', description: 'What a run did with one object.' })
export type RunItem = z.infer<typeof RunItem>

/** One execution of a job. */
export const Run = z
  .strictObject({
    id: RunId,
    job: JobId,
    jobName: text('Name of the job at that time.'),
    schedule: text('Name of the schedule that asked for it.').optional(),
    trigger: word(['schedule', 'hand', 'missed', 'sequence'], 'Why it ran; sequence: after another job.'),
    by: UserId.optional().meta({ description: 'Who asked for it.' }),
    state: word(runStates, 'How it went.'),
    task: TaskId.optional().meta({ description: 'Its task.' }),
    started: time('When it began.'),
    finished: time('When it ended.').optional(),
    objects: count('How many objects it works on.'),
    done: count('How many of them have ended well.'),
    failed: count('How many have failed.'),
    read: bytes('Bytes read.').optional(),
    written: bytes('Bytes written to repositories.').optional(),
    summary: text('One sentence: what came of it.').optional(),
  })
  .meta({ id: 'Run', description: 'One execution of a job.' })
export type Run = z.infer<typeof Run>

/** A run with what it did with each object. */
export const RunDetail = Run.extend({ items: z.array(RunItem).meta({ description: 'Each object.' }) }).meta({
  id: 'RunDetail',
  description: 'A run with what it did with each object.',
})
export type RunDetail = z.infer<typeof RunDetail>
