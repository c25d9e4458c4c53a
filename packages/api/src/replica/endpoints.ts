import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { SnapshotId, StorageId, VmId } from '../ids/resource-id.ts'
import { flag } from '../schema/fields.ts'
import { TaskRef } from '../task/task.ts'
import { Replica } from './replica.ts'

const params = z.strictObject({ id: VmId })
const reaching = ['replica.not_found', 'connection.not_connected', 'connection.read_only'] as const

/** Replicas: copies of VMs that jobs keep elsewhere. */
export const replicaEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/replicas',
    summary: 'List replicas and their restore points',
    output: z.strictObject({ items: z.array(Replica) }),
    permission: 'vm:read',
    cli: { verb: 'replica list', columns: ['name', 'source', 'state', 'time', 'points', 'id'] },
  }),
  start: endpoint({
    method: 'POST',
    path: '/replicas/:id/start',
    summary: 'Start a replica in place of its source',
    description: 'From then on it is left alone by its job, until it is failed back, resumed or promoted.',
    params,
    input: z.strictObject({
      point: SnapshotId.optional().meta({
        description: 'The restore point that it starts from; as it is, which is the newest, when left out.',
      }),
      force: flag('Also while the source runs.').default(false),
    }),
    output: TaskRef,
    permission: 'vm:start',
    audit: 'replica.start',
    errors: ['replica.source_runs', 'vm.bad_power_state', ...reaching],
    cli: { verb: 'replica start', args: ['id'] },
  }),
  failback: endpoint({
    method: 'POST',
    path: '/replicas/:id/failback',
    summary: 'Bring what a replica holds back to its source',
    description:
      'Both are off. Where the source is still there only what differs is written to it; where it is lost it is made again. Then the replica is a replica again.',
    params,
    input: z.strictObject({
      storage: StorageId.optional().meta({
        description: 'Where the disks of a lost source go; the default storage of its pool when left out.',
      }),
      start: flag('Start the source when it has everything.').default(false),
    }),
    output: TaskRef,
    permission: 'vm:configure',
    audit: 'replica.failback',
    errors: ['replica.not_possible', 'vm.bad_power_state', ...reaching],
    cli: { verb: 'replica failback', args: ['id'] },
  }),
  resume: endpoint({
    method: 'POST',
    path: '/replicas/:id/resume',
    summary: 'Go on replicating over a replica that was started',
    description: 'What was written to it since is given up with the next run.',
    params,
    permission: 'vm:configure',
    audit: 'replica.resume',
    errors: ['vm.bad_power_state', ...reaching],
    cli: { verb: 'replica resume', args: ['id'] },
  }),
  promote: endpoint({
    method: 'POST',
    path: '/replicas/:id/promote',
    summary: 'Make a replica a VM of its own',
    description: 'The next run of its job makes a new replica.',
    params,
    permission: 'vm:configure',
    audit: 'replica.promote',
    errors: reaching,
    cli: { verb: 'replica promote', args: ['id'] },
  }),
} as const
