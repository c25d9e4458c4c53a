import { formatId } from '@nixen/api'
import type { Ref, VMRecord } from '@nixen/xapi'
import type { Replica, ReplicaPoint } from '../../replica/replica-actions.ts'
import { callsOf, type ProtectContext, type Stoppable } from '../protect/context.ts'
import { divergence, pointKey, readMark, replicaKey } from './marks.ts'

/** All replicas of a pool. */
export async function listReplicas(context: ProtectContext, options: Stoppable = {}): Promise<Replica[]> {
  const all = await callsOf(context, options).VM.get_all_records()
  const found: Replica[] = []
  for (const vm of all.values()) {
    if (vm.is_a_snapshot) continue
    const mark = readMark(vm.other_config[replicaKey], vm.uuid)
    if (!mark) continue
    const diverged = divergence(vm)
    found.push({
      vm: formatId({ type: 'vm', connection: context.connection, key: vm.uuid }),
      name: vm.name_label,
      power: vm.power_state.toLowerCase(),
      mark,
      points: pointsOf(context, vm, { all }).map(({ point }) => point),
      ...(diverged === undefined ? {} : { diverged }),
    })
  }
  return found
}

/** The restore points of a replica, the newest first. */
export function pointsOf(
  { connection }: ProtectContext,
  { uuid, snapshots }: Pick<VMRecord, 'uuid' | 'snapshots'>,
  { all }: { all: ReadonlyMap<Ref<'VM'>, VMRecord> },
): { ref: Ref<'VM'>; point: ReplicaPoint }[] {
  const found: { ref: Ref<'VM'>; point: ReplicaPoint }[] = []
  for (const ref of snapshots) {
    const snapshot = all.get(ref)
    const [time = '', of] = (snapshot?.other_config[pointKey] ?? '').split(' ')
    if (!snapshot || of !== uuid) continue
    const id = formatId({ type: 'snapshot', connection, key: snapshot.uuid })
    found.push({ ref, point: { id, time: Number(time) } })
  }
  return found.toSorted((a, b) => b.point.time - a.point.time)
}
