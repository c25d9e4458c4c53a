import { connectionErrors, vmErrors, type SnapshotId, type VmId } from '@nixen/api'
import type { Ref, VMRecord } from '@nixen/xapi'
import type { ReplicaActions, ReplicaMark } from '../../replica/replica-actions.ts'
import { refOf } from '../actions/context.ts'
import { callsOf, type ProtectContext, type Stoppable } from '../protect/context.ts'
import { listReplicas } from './list.ts'
import { blockedReplica, readMark, replicaKey, replicaTag, startedKey, writeMark } from './marks.ts'
import { makeReplicaPlace, settleReplica } from './settle.ts'

/** Replicas on a pool. */
export function xapiReplicas(context: ProtectContext, translate: (error: unknown) => unknown): ReplicaActions {
  const asked = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw translate(error)
    }
  }
  return {
    list: (options) => asked(() => listReplicas(context, options)),
    makePlace: (options) => asked(() => makeReplicaPlace(context, options)),
    settle: (vm, options) => asked(() => settleReplica(context, vm, options)),
    start: (vm, options) => asked(() => startReplica(context, vm, options)),
    resume: (vm, options) => asked(() => resumeReplica(context, vm, options)),
    promote: (vm, options) => asked(() => promoteReplica(context, vm, options)),
  }
}

interface Found {
  readonly ref: Ref<'VM'>
  readonly record: VMRecord
  readonly mark: ReplicaMark
}

async function demandReplica(context: ProtectContext, id: VmId, options: Stoppable = {}): Promise<Found> {
  const ref = await refOf(context, id, 'VM')
  const record = await callsOf(context, options).VM.get_record(ref)
  const mark = readMark(record.other_config[replicaKey], record.uuid)
  if (mark) return { ref, record, mark }
  throw connectionErrors.unsupported({ action: 'This', reason: `${record.name_label} is no replica of Nixen.` })
}

async function startReplica(
  context: ProtectContext,
  id: VmId,
  { point, signal }: Stoppable & { point?: SnapshotId | undefined },
): Promise<void> {
  const { VM } = callsOf(context, { signal })
  const { ref, record, mark } = await demandReplica(context, id, { signal })
  demandHalted(id, record)
  // Written down first: a crash leaves a replica that is left alone, not one that is written over.
  await VM.remove_from_other_config(ref, startedKey)
  await VM.add_to_other_config(ref, startedKey, String(context.clock.now()))
  if (point !== undefined) {
    const snapshot = await refOf(context, point, 'VM')
    if (!record.snapshots.includes(snapshot)) {
      throw connectionErrors.unsupported({
        action: 'Starting it so',
        reason: 'the snapshot is not one of this replica.',
      })
    }
    await context.xapi.run(context.xapi.client.async.VM.revert(snapshot), { signal })
    // The snapshot bears what the replica was then.
    const { [startedKey]: _old, ...config } = await VM.get_other_config(ref)
    const marks = {
      [replicaKey]: writeMark(withoutCopies(mark), record.uuid),
      [startedKey]: String(context.clock.now()),
    }
    await VM.set_other_config(ref, { ...config, ...marks })
  }
  const ours = blockedReplica(mark)
  const blocked = Object.entries(await VM.get_blocked_operations(ref)).filter(
    ([operation]) => ours[operation] === undefined,
  )
  await VM.set_blocked_operations(ref, Object.fromEntries(blocked))
  await context.xapi.run(context.xapi.client.async.VM.start(ref, false, false), { signal })
}

async function resumeReplica(context: ProtectContext, id: VmId, { signal }: Stoppable = {}): Promise<void> {
  const { VM } = callsOf(context, { signal })
  const { ref, record, mark } = await demandReplica(context, id, { signal })
  demandHalted(id, record)
  await VM.set_blocked_operations(ref, { ...record.blocked_operations, ...blockedReplica(mark) })
  const { [startedKey]: _started, ...config } = record.other_config
  await VM.set_other_config(ref, { ...config, [replicaKey]: writeMark(withoutCopies(mark), record.uuid) })
}

async function promoteReplica(context: ProtectContext, id: VmId, { signal }: Stoppable = {}): Promise<void> {
  const { VM } = callsOf(context, { signal })
  const { ref, record, mark } = await demandReplica(context, id, { signal })
  const ours = blockedReplica(mark)
  const blocked = Object.entries(record.blocked_operations).filter(([operation]) => ours[operation] === undefined)
  const { [startedKey]: _started, [replicaKey]: _replica, ...config } = record.other_config
  await VM.remove_tags(ref, replicaTag)
  await VM.set_other_config(ref, config)
  await VM.set_blocked_operations(ref, Object.fromEntries(blocked))
}

/** What its disks hold is not known any more: the next run compares everything. The tokens stay known, so that they are dropped then. */
function withoutCopies(mark: ReplicaMark): ReplicaMark {
  const disks = Object.entries(mark.disks).map(([key, { token }]) => [key, { token, copy: '' }] as const)
  return { ...mark, disks: Object.fromEntries(disks) }
}

function demandHalted(id: VmId, { power_state }: VMRecord): void {
  if (power_state === 'Halted') return
  throw vmErrors.bad_power_state({ id, expected: ['halted'], actual: power_state.toLowerCase() })
}
