import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { ConnectionId, JobId } from '../ids/own-id.ts'
import { TaskId } from '../ids/resource-id.ts'
import { bytes, flag, text, time, word } from '../schema/fields.ts'

/** Something of a backup or restore that is still on a host. */
export const Leftover = z
  .strictObject({
    kind: word(
      ['step', 'snapshot', 'disk', 'restore'],
      'step: begun by a task and to be taken back; snapshot, disk: of a backup; restore: a VM or disk of a restore, or one that a restore has replaced.',
    ),
    connection: ConnectionId,
    name: text('What it is, for people.'),
    since: time('Since when; absent where the host does not tell.').optional(),
    kept: flag('Kept on purpose: the next backup builds on it.'),
    bytes: bytes('Room that it takes on its storage.').optional(),
    job: JobId.optional().meta({ description: 'The job that made it.' }),
    task: TaskId.optional().meta({ description: 'Of a step: the task that began it.' }),
    native: text("The provider's class and name of it.").optional(),
    failure: text('Why it could not be taken back the last time.').optional(),
  })
  .meta({ id: 'Leftover', description: 'Something of a backup or restore that is still on a host.' })
export type Leftover = z.infer<typeof Leftover>

/** What backups and restores have on hosts. */
export const leftoverEndpoints = {
  leftovers: endpoint({
    method: 'GET',
    path: '/leftovers',
    summary: 'List what backups and restores have on the hosts',
    description:
      'What is kept for the next backup, and what an interrupted one left. Hosts are asked, which takes a moment; what nothing needs any more is removed every night.',
    output: z.strictObject({
      items: z.array(Leftover),
      unasked: z
        .array(z.strictObject({ connection: ConnectionId, reason: text('Why.') }))
        .meta({ description: 'Connections that could not be asked.' }),
    }),
    permission: 'repository:maintain',
    cli: { verb: 'leftover list', columns: ['connection', 'kind', 'name', 'since', 'kept', 'bytes', 'failure'] },
  }),
} as const
