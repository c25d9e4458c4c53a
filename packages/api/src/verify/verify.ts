import { z } from 'zod'
import { ConnectionId, JobId, RepositoryId } from '../ids/own-id.ts'
import { StorageId } from '../ids/resource-id.ts'
import { PointId } from '../point/point.ts'
import { bytes, count, duration, flag, text, time, word } from '../schema/fields.ts'

/** What a guest must show to be found good, from the least to the most. */
export const checkDemands = ['running', 'agent', 'script'] as const

const demand = word(
  checkDemands,
  'running: the machine stays up; agent: the guest agent reports as well; script: a script in the guest says that all is well, besides.',
).default('agent')
const settle = duration('Milliseconds that a guest has to stay as it should be.').max(3_600_000).default(15_000)
const patience = duration('Milliseconds from the start until a guest must show what it should.')
  .min(1000)
  .max(86_400_000)
  .default(600_000)
const storage = StorageId.optional().meta({
  description: 'Where its disks are for the time of the check; where they were, or the default storage, when left out.',
})

/** How a health check is made. */
export const CheckWish = z
  .strictObject({
    connection: ConnectionId.optional().meta({
      description: 'Where it is started: the connection that it was taken from when left out.',
    }),
    storage,
    demand,
    patience,
    settle,
  })
  .meta({ id: 'CheckWish', description: 'How a health check is made.' })
export type CheckWish = z.infer<typeof CheckWish>

/** Work of a job that checks restore points. */
export const VerifyWork = z.strictObject({
  kind: z.literal('verify'),
  repositories: z
    .array(RepositoryId)
    .max(10)
    .optional()
    .meta({ description: 'Whose restore points; all repositories when left out.' }),
  connection: ConnectionId.optional().meta({
    description: 'Where they are started: the connection that each was taken from when left out.',
  }),
  storage,
  demand,
  patience,
  settle,
  every: count('Days within which each VM has its turn.').min(1).max(3650).default(30),
  atMost: count('VMs in one run; as many as it takes for each to have its turn when left out.').min(1).optional(),
})

/** What came of a health check. Kept beside the restore point, in its repository. */
export const PointCheck = z
  .strictObject({
    id: text('Name of the record in the repository.'),
    point: PointId,
    state: word(['passed', 'failed'], 'Whether the guest showed what was asked for.'),
    time: time('When it ended.'),
    by: text('Who asked for it.').optional(),
    job: JobId.optional(),
    where: text('Product and version of the host that it ran on.'),
    demand: word(checkDemands, 'What was asked for.'),
    reason: text('Why it failed.').optional(),
    restoring: duration('How long the restore took, in milliseconds.'),
    starting: duration('How long it took from the start until the guest showed it, in milliseconds.').optional(),
    bytes: bytes('Bytes that were written to the host.').optional(),
    os: text('Operating system, as the guest agent says.').optional(),
    ips: z.array(z.string()).optional().meta({ description: 'Addresses, as the guest agent says.' }),
    answer: text('What the script in the guest said.').optional(),
    notes: z.array(z.string()).meta({ description: 'What people may want to know.' }),
    picture: flag('There is a picture of the screen.'),
  })
  .meta({ id: 'PointCheck', description: 'What came of a health check of a restore point.' })
export type PointCheck = z.infer<typeof PointCheck>
