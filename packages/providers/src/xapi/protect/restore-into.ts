import { vmErrors, type VmId } from '@nixen/api'
import type { Ref } from '@nixen/xapi'
import type { RestoreDiskPlan, RestoredVm } from '../../protect/restore.ts'
import { refOf } from '../actions/context.ts'
import { callsOf, type ProtectContext } from './context.ts'
import { blockedWhileRestoring, withoutRestoring } from './make-vm.ts'
import { markedName, ownerKey, replacedKey, restoringKey } from './marks.ts'
import { disksOf, type ExistingDisk } from './plan-restore.ts'
import { changedDisk, newDisk, type RestoringDisk } from './restore-disk.ts'
import type { Restoring } from './restore.ts'
import { endOfSwap, finishDisk, plugIn, type Swap, type SwapMark } from './restore-undo.ts'
import { destroyDisk } from './snapshot.ts'

interface Replacement {
  readonly plan: RestoreDiskPlan
  readonly swap: Swap
  readonly existing: ExistingDisk | undefined
}

/**
 * Restores disks into an existing VM. All new disks are written first; then they take the places of the old ones; the old ones go when all is
 * done. Whatever happens before, the VM has its old disks.
 */
export async function restoreInto(context: ProtectContext, restoring: Restoring, id: VmId): Promise<RestoredVm> {
  const { plan, options, mark, notes, signal } = restoring
  const calls = callsOf(context, { signal })
  const vm = await refOf(context, id, 'VM')
  const record = await calls.VM.get_record(vm)
  if (record.power_state !== 'Halted') {
    throw vmErrors.bad_power_state({ id, expected: ['halted'], actual: record.power_state.toLowerCase() })
  }
  const existing = await disksOf(context, vm, { signal })
  const replacements = plan.disks.map((disk) => replacementOf(disk, existing))
  // What a killed restore has blocked after it was taken back (the host was still at it) is nobody's wish.
  const wished = withoutRestoring(record.blocked_operations)
  const data: SwapMark = {
    vm: record.uuid,
    mark,
    swaps: replacements.map(({ swap }) => swap),
    blocked: wished,
  }
  const what = `Put the disks of ${record.name_label} back`
  await restoring.begin({ kind: 'protect.swap', what, data: { ...data } })
  await calls.VM.add_to_other_config(vm, restoringKey, mark)
  await calls.VM.add_to_other_config(vm, ownerKey, options.owner)
  const blocked = { ...wished, ...blockedWhileRestoring(record.name_label) }
  await calls.VM.set_blocked_operations(vm, blocked)
  const written: RestoringDisk[] = []
  for (const { plan: disk, existing: old } of replacements) {
    written.push(
      disk.mode === 'difference' && old
        ? await changedDisk(context, restoring, { plan: disk, existing: old.ref })
        : await newDisk(context, restoring, disk),
    )
  }
  for (const [index, { swap, existing: old }] of replacements.entries()) {
    const ref = written[index]?.ref
    if (ref === undefined) throw new TypeError('each disk of the plan was written')
    if (old) await markReplaced(context, old, mark)
    await plugIn(context, vm, { swap, vdi: ref, signal })
  }
  await complete(context, restoring, { vm, data, written, replacements })
  return {
    vm: id,
    name: record.name_label,
    started: plan.request.start === true && (await start(context, vm, restoring)),
    disks: written.map(({ key, uuid, mode, sentBytes }) => ({ key, uuid, mode, sentBytes })),
    notes,
  }
}

function replacementOf(plan: RestoreDiskPlan, disks: readonly ExistingDisk[]): Replacement {
  const { disk, replaces } = plan
  const existing = disks.find(({ vdi }) => vdi.uuid === replaces)
  if (!existing) {
    const swap = { position: disk.position, old: null, bootable: disk.bootable, otherConfig: { owner: '' } }
    return { plan, existing, swap: { ...swap, mode: disk.readOnly ? 'RO' : 'RW' } }
  }
  const { userdevice: position, bootable, mode, other_config: otherConfig } = existing.vbd
  const old = { uuid: existing.vdi.uuid, name: existing.vdi.name_label }
  return { plan, existing, swap: { position, old, bootable, mode, otherConfig } }
}

async function markReplaced(context: ProtectContext, { ref, vdi }: ExistingDisk, mark: string): Promise<void> {
  const { VDI } = callsOf(context)
  await VDI.remove_from_other_config(ref, replacedKey)
  await VDI.add_to_other_config(ref, replacedKey, mark)
  await VDI.set_name_label(ref, markedName(`${vdi.name_label}, replaced`, mark))
}

interface Completion {
  readonly vm: Ref<'VM'>
  readonly data: SwapMark
  readonly written: readonly RestoringDisk[]
  readonly replacements: readonly Replacement[]
}

/** The VM loses its mark, and with that the new disks are its disks. From here on there is no way back, so nothing stops it. */
async function complete(
  context: ProtectContext,
  restoring: Restoring,
  { vm, data, written, replacements }: Completion,
): Promise<void> {
  const { VDI } = callsOf(context)
  await endOfSwap(context, vm, { blocked: data.blocked })
  for (const { ref, name } of written) await finishDisk(context, ref, { final: name })
  await restoring.complete()
  for (const [index, { existing }] of replacements.entries()) {
    const ref = written[index]?.ref
    if (!existing || ref === undefined) continue
    // Snapshots of the old disk are snapshots of the new one: a revert then replaces it, and not a disk that is not there.
    for (const snapshot of existing.vdi.snapshots) await VDI.set_snapshot_of(snapshot, ref)
    if (restoring.plan.request.keepReplaced === true) {
      await VDI.remove_from_other_config(existing.ref, replacedKey)
      await VDI.set_name_label(existing.ref, `${existing.vdi.name_label} (replaced by a restore)`)
    } else await destroyDisk(context, existing.ref)
  }
}

async function start({ xapi }: ProtectContext, vm: Ref<'VM'>, { signal, notes }: Restoring): Promise<boolean> {
  try {
    await xapi.run(xapi.client.async.VM.start(vm, false, false), { signal })
    return true
  } catch (error) {
    signal?.throwIfAborted()
    const text = error instanceof Error ? error.message : String(error)
    notes.push({ code: 'not-started', text: `The disks are restored; the VM could not be started (${text}).` })
    return false
  }
}
