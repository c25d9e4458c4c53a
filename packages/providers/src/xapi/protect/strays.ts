import { protectErrors } from '@nixen/api'
import type { Ref, VDIRecord, VMRecord } from '@nixen/xapi'
import type { Stray } from '../../protect/freeze.ts'
import type { StrayOptions } from '../../protect/protect-actions.ts'
import { callsOf, unlessGone, type ProtectContext, type Stoppable } from './context.ts'
import { diskKey, freezeKey, keptKey, markInName, ownerKey, replacedKey, restoringKey } from './marks.ts'
import { destroyDisk, destroySnapshot } from './snapshot.ts'
import { tokenOf } from './token.ts'

/** Everything that bears our marks and is ours; with `disks`, what is frozen of these alone. */
export async function findStrays(context: ProtectContext, options: StrayOptions = {}): Promise<Stray[]> {
  if (options.disks) return await straysOfDisks(context, options.disks, options)
  const calls = callsOf(context, options)
  const [vms, vdis] = await Promise.all([calls.VM.get_all_records(), calls.VDI.get_all_records()])
  const found: Stray[] = []
  for (const vm of vms.values()) {
    const stray = strayVm(vm)
    if (stray) found.push(stray)
  }
  for (const vdi of vdis.values()) {
    const stray = strayDisk(vdi)
    if (stray) found.push(stray)
  }
  return found
}

/** A few calls for each disk, where everything would be all records of the pool. */
async function straysOfDisks(context: ProtectContext, disks: readonly string[], options: Stoppable): Promise<Stray[]> {
  const { VDI } = callsOf(context, options)
  const found: Stray[] = []
  for (const uuid of disks) {
    const ref = await unlessGone(VDI.get_by_uuid(uuid))
    const snapshots = ref === undefined ? undefined : await unlessGone(VDI.get_snapshots(ref))
    for (const snapshot of snapshots ?? []) {
      const record = await unlessGone(VDI.get_record(snapshot))
      const stray = record && strayDisk(record)
      if (stray) found.push(stray)
    }
  }
  return found
}

function strayVm({
  uuid,
  name_label: name,
  is_a_snapshot,
  snapshot_time: time,
  other_config,
}: VMRecord): Stray | undefined {
  const mark = markInName(name)
  if (mark === undefined) return undefined
  const shared = { native: { class: 'VM', uuid }, name, mark, time, bytes: 0, owner: other_config[ownerKey] ?? '' }
  if (is_a_snapshot) {
    return {
      ...shared,
      kind: 'snapshot',
      kept: other_config[freezeKey] === mark && other_config[keptKey] !== undefined,
    }
  }
  return other_config[restoringKey] === mark ? { ...shared, kind: 'restore', kept: false } : undefined
}

function strayDisk(vdi: VDIRecord): Stray | undefined {
  const { uuid, name_label: name, is_a_snapshot, snapshot_time: time, other_config, virtual_size: size } = vdi
  const owner = other_config[ownerKey] ?? ''
  const shared = { native: { class: 'VDI', uuid }, name, owner, time, bytes: vdi.physical_utilisation }
  const mark = other_config[freezeKey]
  if (is_a_snapshot && mark !== undefined) {
    const token = tokenOf({ frozen: uuid, disk: other_config[diskKey] ?? uuid, size })
    return { ...shared, kind: 'disk', mark, kept: other_config[keptKey] !== undefined, token }
  }
  if (is_a_snapshot) return undefined
  const restoring = other_config[restoringKey]
  if (restoring !== undefined && markInName(name) === restoring) {
    return { ...shared, kind: 'restore', mark: restoring, kept: false }
  }
  const replaced = other_config[replacedKey]
  if (replaced === undefined || markInName(name) !== replaced) return undefined
  return { ...shared, kind: 'restore', mark: replaced, kept: false }
}

/** Removes one of them, after another look at it. */
export async function removeStray(context: ProtectContext, stray: Stray, options: Stoppable = {}): Promise<void> {
  const { class: className, uuid } = stray.native
  if (className === 'VM') await removeVm(context, stray, options)
  else if (className === 'VDI') await removeDisk(context, stray, options)
  else throw protectErrors.not_ours({ what: `${className} ${uuid}` })
}

async function removeVm(context: ProtectContext, { native, mark }: Stray, options: Stoppable): Promise<void> {
  const { VM } = callsOf(context, options)
  const ref = await unlessGone(VM.get_by_uuid(native.uuid))
  const record = ref === undefined ? undefined : await unlessGone(VM.get_record(ref))
  if (ref === undefined || !record) return
  if (strayVm(record)?.mark !== mark || record.power_state === 'Running') throw notOurs(native)
  if (record.is_a_snapshot)
    await destroySnapshot(context, ref, { ...options, except: await keptDisks(context, ref, options) })
  else await unlessGone(VM.destroy(ref))
}

/** Disks of a snapshot that are needed for a later backup: they are dropped by their token. */
async function keptDisks(context: ProtectContext, snapshot: Ref<'VM'>, options: Stoppable): Promise<Set<string>> {
  const calls = callsOf(context, options)
  const kept = new Set<string>()
  for (const ref of await calls.VM.get_VBDs(snapshot)) {
    const vbd = await unlessGone(calls.VBD.get_record(ref))
    const vdi = vbd?.VDI ? await unlessGone(calls.VDI.get_record(vbd.VDI)) : undefined
    if (vbd?.VDI && vdi?.other_config[keptKey] !== undefined) kept.add(vbd.VDI)
  }
  return kept
}

async function removeDisk(context: ProtectContext, { native, mark }: Stray, options: Stoppable): Promise<void> {
  const { VDI } = callsOf(context, options)
  const ref = await unlessGone(VDI.get_by_uuid(native.uuid))
  const record = ref === undefined ? undefined : await unlessGone(VDI.get_record(ref))
  if (ref === undefined || !record) return
  const found = strayDisk(record)
  // A disk of a restore that is plugged into a VM belongs to the VM.
  const used = found?.kind === 'restore' && record.VBDs.length > 0
  if (found?.mark !== mark || used) throw notOurs(native)
  await destroyDisk(context, ref, options)
}

const notOurs = ({ class: className, uuid }: Stray['native']): Error =>
  protectErrors.not_ours({ what: `${className} ${uuid}` })
