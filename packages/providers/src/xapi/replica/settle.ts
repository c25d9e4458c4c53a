import type { VmId } from '@nixen/api'
import type { Ref, VMRecord } from '@nixen/xapi'
import type { ReplicaPlace, ReplicaPoint, SettleOptions } from '../../replica/replica-actions.ts'
import type { ProtectJournal } from '../../protect/undo.ts'
import { refOf } from '../actions/context.ts'
import { callsOf, unlessGone, type ProtectContext, type Stoppable } from '../protect/context.ts'
import { withoutRestoring } from '../protect/make-vm.ts'
import { markedName, newMark } from '../protect/marks.ts'
import { destroyDisk, destroySnapshot } from '../protect/snapshot.ts'
import { blockedReplica, pointKey, replicaKey, startedKey, writeMark } from './marks.ts'
import { pointsOf } from './list.ts'

/** Names a new replica, with the step that removes it until it is settled. */
export async function makeReplicaPlace(
  context: ProtectContext,
  { name, journal }: Stoppable & { name: string; journal: ProtectJournal },
): Promise<ReplicaPlace> {
  const mark = newMark(context.random)
  const final = `${name} (replica)`
  const place = { name: markedName(final, mark), mark, final }
  await journal.undo({ kind: 'replica.vm', what: `Remove the half-made replica of ${name}`, data: place })
  return place
}

/** Removes a replica that was never settled; one that is gets its name. */
export async function undoReplica(
  context: ProtectContext,
  place: ReplicaPlace,
  options: Stoppable = {},
): Promise<void> {
  const calls = callsOf(context, options)
  for (const ref of await calls.VM.get_by_name_label(place.name)) {
    const record = await unlessGone(calls.VM.get_record(ref))
    if (!record || record.is_a_snapshot) continue
    if (record.other_config[replicaKey] !== undefined) await calls.VM.set_name_label(ref, place.final)
    else await removeVm(context, ref, { record, ...options })
  }
}

async function removeVm(
  context: ProtectContext,
  vm: Ref<'VM'>,
  { record, signal }: Stoppable & { record: VMRecord },
): Promise<void> {
  const calls = callsOf(context, { signal })
  for (const snapshot of record.snapshots) await destroySnapshot(context, snapshot, { signal })
  for (const { vdi } of await disksOf(context, record, { signal })) await destroyDisk(context, vdi, { signal })
  await unlessGone(calls.VM.destroy(vm))
}

async function disksOf(context: ProtectContext, { VBDs }: Pick<VMRecord, 'VBDs'>, options: Stoppable) {
  const { VBD } = callsOf(context, options)
  const found: { vbd: Ref<'VBD'>; vdi: Ref<'VDI'> }[] = []
  for (const ref of VBDs) {
    const vbd = await unlessGone(VBD.get_record(ref))
    if (vbd?.type === 'Disk' && vbd.VDI !== null) found.push({ vbd: ref, vdi: vbd.VDI })
  }
  return found
}

/** Makes what was written a restore point of the replica. */
export async function settleReplica(
  context: ProtectContext,
  id: VmId,
  options: SettleOptions & { readonly place?: ReplicaPlace | undefined },
): Promise<readonly ReplicaPoint[]> {
  const { mark, config, keep, place, signal } = options
  const { VM } = callsOf(context, { signal })
  const vm = await refOf(context, id, 'VM')
  const before = await VM.get_record(vm)
  // From the first moment on it cannot be started.
  await VM.set_blocked_operations(vm, { ...withoutRestoring(before.blocked_operations), ...blockedReplica(mark) })
  await dropSurplusDisks(context, before, { mark, signal })
  await followSetup(context, vm, { before, config, signal })
  // What it is a copy of, before it has a point: without, it would be taken for half-made.
  const { [startedKey]: _started, auto_poweron: _auto, ...rest } = before.other_config
  await VM.set_other_config(vm, { ...rest, [replicaKey]: writeMark(mark, before.uuid) })
  if (place) await VM.set_name_label(vm, place.final)
  await takePoint(context, vm, { ...options, uuid: before.uuid, name: place?.final ?? before.name_label })
  return await trimPoints(context, vm, { keep, signal })
}

/** Disks that the source has no more; earlier restore points still have them. */
async function dropSurplusDisks(
  context: ProtectContext,
  record: VMRecord,
  { mark, signal }: Stoppable & Pick<SettleOptions, 'mark'>,
): Promise<void> {
  const { VBD, VDI } = callsOf(context, { signal })
  const wanted = new Set(Object.values(mark.disks).map(({ copy }) => copy))
  for (const { vbd, vdi } of await disksOf(context, record, { signal })) {
    if (wanted.has(await VDI.get_uuid(vdi))) continue
    await VBD.destroy(vbd)
    await destroyDisk(context, vdi, { signal })
  }
}

/** Memory and processors as the source has them now. */
async function followSetup(
  context: ProtectContext,
  vm: Ref<'VM'>,
  { before, config, signal }: Stoppable & { before: VMRecord; config: SettleOptions['config'] },
): Promise<void> {
  const { VM } = callsOf(context, { signal })
  const { memory, cpus } = config
  if (before.memory_static_max !== memory) {
    const least = Math.min(before.memory_static_min, memory)
    await VM.set_memory_limits(vm, least, memory, memory, memory)
  }
  if (before.VCPUs_max === cpus) return
  // Neither may be above the other at any moment.
  if (cpus > before.VCPUs_max) await VM.set_VCPUs_max(vm, cpus)
  await VM.set_VCPUs_at_startup(vm, cpus)
  if (cpus < before.VCPUs_max) await VM.set_VCPUs_max(vm, cpus)
}

/** A snapshot, by the name with its mark until it is told to be a restore point. */
async function takePoint(
  context: ProtectContext,
  vm: Ref<'VM'>,
  { mark, journal, uuid, name, signal }: SettleOptions & { uuid: string; name: string },
): Promise<void> {
  const { VM } = callsOf(context, { signal })
  const time = new Date(mark.time).toISOString().replace('T', ' ').slice(0, 19)
  const marked = markedName(`${name} ${time}`, newMark(context.random))
  const data = { name: marked }
  const entry = await journal.undo({ kind: 'replica.point', what: `Remove the half-made snapshot of ${name}`, data })
  const snapshot = await context.xapi.run(context.xapi.client.async.VM.snapshot(vm, marked), { signal })
  await VM.remove_from_other_config(snapshot, pointKey)
  await VM.add_to_other_config(snapshot, pointKey, `${mark.time} ${uuid}`)
  await VM.set_name_label(snapshot, `${name} ${time} UTC`)
  await entry.forget()
}

/** Removes a snapshot that did not become a restore point. */
export async function undoPoint(
  context: ProtectContext,
  { name }: { readonly name: string },
  options: Stoppable = {},
): Promise<void> {
  const { VM } = callsOf(context, options)
  for (const ref of await VM.get_by_name_label(name)) {
    const record = await unlessGone(VM.get_record(ref))
    // By its name, which is random: one that has become a point has another.
    if (record?.is_a_snapshot) await destroySnapshot(context, ref, options)
  }
}

async function trimPoints(
  context: ProtectContext,
  vm: Ref<'VM'>,
  { keep, signal }: Stoppable & { keep: number },
): Promise<readonly ReplicaPoint[]> {
  const { VM } = callsOf(context, { signal })
  const record = await VM.get_record(vm)
  const all = new Map<Ref<'VM'>, VMRecord>()
  for (const ref of record.snapshots) {
    const snapshot = await unlessGone(VM.get_record(ref))
    if (snapshot) all.set(ref, snapshot)
  }
  const points = pointsOf(context, record, { all })
  for (const { ref } of points.slice(Math.max(1, keep))) await destroySnapshot(context, ref, { signal })
  return points.slice(0, Math.max(1, keep)).map(({ point }) => point)
}
