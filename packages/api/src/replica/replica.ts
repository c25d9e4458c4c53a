import { z } from 'zod'
import { JobId } from '../ids/own-id.ts'
import { NetworkId, SnapshotId, StorageId, VmId } from '../ids/resource-id.ts'
import { count, text, time, word } from '../schema/fields.ts'

/** Work of a job that keeps copies of VMs elsewhere. */
export const ReplicateWork = z.strictObject({
  kind: z.literal('replicate'),
  storage: StorageId.meta({ description: 'Where the copies are: a storage of this or another pool.' }),
  keep: count('Restore points of each replica that stay on the target.').min(1).max(100).default(3),
  quiesce: word(['never', 'try', 'require'], 'Whether the guest is asked to bring its data in order first.').default(
    'try',
  ),
  macs: word(
    ['keep', 'new'],
    'Whether NICs of a replica have the addresses of the source: keep, so that it takes its place; new, where both may run.',
  ).default('keep'),
  networkOf: z.record(z.string(), NetworkId.nullable()).optional().meta({
    description:
      'Networks of the target by the key of the old one; null leaves the NIC out. The same or one of the same name when left out.',
  }),
})
export type ReplicateWork = z.infer<typeof ReplicateWork>

/** A VM that is kept as a copy of another. */
export const Replica = z
  .strictObject({
    id: VmId.meta({ description: 'The replica itself: a VM that cannot be started but by "replica start".' }),
    name: text('Name of the replica.'),
    source: VmId.meta({ description: 'The VM that it is a copy of.' }),
    sourceName: text('Name of the source when it was copied last.'),
    job: JobId.meta({ description: 'The job that keeps it.' }),
    state: word(['ready', 'diverged'], 'ready: as the source was; diverged: it may hold something of its own.'),
    reason: text('Why it counts as diverged.').optional(),
    time: time('When the source was as the replica is.'),
    points: z
      .array(z.strictObject({ id: SnapshotId, time: time('When the source was so.') }))
      .meta({ description: 'Its restore points, the newest first: snapshots of the replica.' }),
  })
  .meta({ id: 'Replica', description: 'A VM that is kept as a copy of another.' })
export type Replica = z.infer<typeof Replica>
