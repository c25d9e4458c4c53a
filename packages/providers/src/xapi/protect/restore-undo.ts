import type { Ref, VDIRecord } from '@nixen/xapi'
import { callsOf, unlessGone, type ProtectContext, type Stoppable } from './context.ts'
import { blockedWhileRestoring } from './make-vm.ts'
import { ownerKey, replacedKey, restoringKey, withMarks } from './marks.ts'
import { destroyDisk } from './snapshot.ts'

// A restore is complete at the moment when its VM loses its mark: until then undoing it removes everything that was made, after that it only
// finishes what is left to do (names, marks of disks).

/** What the step of a new VM, or of a new disk, remembers. */
export interface NewObject {
  /** Its name until it is complete. */
  readonly name: string
  readonly mark: string
  /** Its name after that. */
  readonly final: string
}

/** What the step of a restore into an existing VM remembers. */
export interface SwapMark {
  /** uuid. */
  readonly vm: string
  readonly mark: string
  readonly swaps: readonly Swap[]
  /** What the VM's own `blocked_operations` were. */
  readonly blocked: Readonly<Record<string, string>>
}

export interface Swap {
  readonly position: string
  /** The disk that was there, and its name; nothing where there was none. */
  readonly old: { readonly uuid: string; readonly name: string } | null
  readonly bootable: boolean
  readonly mode: string
  readonly otherConfig: Readonly<Record<string, string>>
}

/** What the step of a copy of a disk remembers. */
export interface CloneMark {
  /** uuid of the disk that is copied. */
  readonly source: string
  readonly mark: string
}

/** On a disk while it is cloned: the clone has it from its first moment. */
export const cloningKey = 'nixen:cloning'

/** Removes a VM that is not complete; one that is gets its name. */
export async function undoVm(context: ProtectContext, data: NewObject, options: Stoppable = {}): Promise<void> {
  const { VM } = callsOf(context, options)
  for (const ref of await VM.get_by_name_label(data.name)) {
    const record = await unlessGone(VM.get_record(ref))
    if (!record || record.is_a_snapshot) continue
    if (record.other_config[restoringKey] === data.mark) await unlessGone(VM.destroy(ref))
    else await finishVm(context, ref, { final: data.final, ...options })
  }
}

/** The last steps to a complete VM: its name, and nothing blocked any more. */
export async function finishVm(
  context: ProtectContext,
  vm: Ref<'VM'>,
  { final, signal }: Stoppable & { final: string },
): Promise<void> {
  const { VM } = callsOf(context, { signal })
  const blocked = await VM.get_blocked_operations(vm)
  const ours = blockedWhileRestoring(final)
  const kept = Object.entries(blocked).filter(([operation, text]) => ours[operation] !== text)
  await VM.set_blocked_operations(vm, Object.fromEntries(kept))
  await VM.set_name_label(vm, final)
}

/** Removes a disk that was being written, unless the VM that it is plugged into is complete. */
export async function undoDisk(context: ProtectContext, data: NewObject, options: Stoppable = {}): Promise<void> {
  const { VDI } = callsOf(context, options)
  for (const ref of await VDI.get_by_name_label(data.name)) {
    const vdi = await unlessGone(VDI.get_record(ref))
    if (!vdi || vdi.is_a_snapshot || vdi.other_config[restoringKey] !== data.mark) continue
    if (await isOfCompleteVm(context, vdi, { mark: data.mark, ...options })) {
      await finishDisk(context, ref, { final: data.final, ...options })
    } else await destroyDisk(context, ref, options)
  }
}

async function isOfCompleteVm(
  context: ProtectContext,
  { VBDs }: VDIRecord,
  { mark, signal }: Stoppable & { mark: string },
): Promise<boolean> {
  const calls = callsOf(context, { signal })
  for (const ref of VBDs) {
    const vbd = await unlessGone(calls.VBD.get_record(ref))
    const vm = vbd && (await unlessGone(calls.VM.get_record(vbd.VM)))
    // The host itself has the disk for a while after a transfer.
    if (vm && !vm.is_control_domain && vm.other_config[restoringKey] !== mark) return true
  }
  return false
}

/** Gives a disk that is complete its name, and takes the marks off it. */
export async function finishDisk(
  context: ProtectContext,
  vdi: Ref<'VDI'>,
  { final, signal }: Stoppable & { final: string },
): Promise<void> {
  const { VDI } = callsOf(context, { signal })
  await VDI.set_name_label(vdi, final)
  await VDI.set_other_config(vdi, withMarks(await VDI.get_other_config(vdi), {}))
}

/** Removes the copy of a disk, and takes the mark off the disk itself. */
export async function undoClone(
  context: ProtectContext,
  { source, mark }: CloneMark,
  options: Stoppable = {},
): Promise<void> {
  const { VDI } = callsOf(context, options)
  for (const [ref, vdi] of await VDI.get_all_records()) {
    if (vdi.other_config[cloningKey] !== mark) continue
    if (vdi.uuid === source) await unlessGone(VDI.remove_from_other_config(ref, cloningKey))
    else if (!vdi.is_a_snapshot && vdi.managed && vdi.VBDs.length === 0) await destroyDisk(context, ref, options)
  }
}

/** Puts the disks of a VM back, unless the restore into it is complete. */
export async function undoSwap(context: ProtectContext, data: SwapMark, options: Stoppable = {}): Promise<void> {
  const calls = callsOf(context, options)
  const vm = await unlessGone(calls.VM.get_by_uuid(data.vm))
  if (vm === undefined) return
  const record = await calls.VM.get_record(vm)
  if (record.other_config[restoringKey] !== data.mark) return
  for (const swap of data.swaps) {
    const old = swap.old && (await unlessGone(calls.VDI.get_by_uuid(swap.old.uuid)))
    await plugIn(context, vm, { swap, vdi: old ?? null, ...options })
    if (swap.old && old) await unmark(context, old, { name: swap.old.name, ...options })
  }
  await endOfSwap(context, vm, { blocked: data.blocked, ...options })
}

async function unmark(
  context: ProtectContext,
  vdi: Ref<'VDI'>,
  { name, signal }: Stoppable & { name: string },
): Promise<void> {
  const { VDI } = callsOf(context, { signal })
  const config = await VDI.get_other_config(vdi)
  if (config[replacedKey] === undefined) return
  await VDI.remove_from_other_config(vdi, replacedKey)
  await VDI.set_name_label(vdi, name)
}

/** Takes the mark off a VM that was restored into, and what was blocked for that. From here on the restore is complete. */
export async function endOfSwap(
  context: ProtectContext,
  vm: Ref<'VM'>,
  { blocked, signal }: Stoppable & { blocked: Readonly<Record<string, string>> },
): Promise<void> {
  const { VM } = callsOf(context, { signal })
  await VM.set_blocked_operations(vm, blocked)
  await VM.remove_from_other_config(vm, ownerKey)
  await VM.remove_from_other_config(vm, restoringKey)
}

/** Makes a disk the one at a position of a VM; with `null` the position is left empty. */
export async function plugIn(
  context: ProtectContext,
  vm: Ref<'VM'>,
  { swap, vdi, signal }: Stoppable & { swap: Swap; vdi: Ref<'VDI'> | null },
): Promise<void> {
  const calls = callsOf(context, { signal })
  for (const ref of await calls.VM.get_VBDs(vm)) {
    const vbd = await unlessGone(calls.VBD.get_record(ref))
    if (vbd?.userdevice !== swap.position) continue
    if (vbd.VDI === vdi && vdi !== null) return
    await calls.VBD.destroy(ref)
  }
  if (vdi === null) return
  await calls.VBD.create({
    VM: vm,
    VDI: vdi,
    userdevice: swap.position,
    bootable: swap.bootable,
    mode: swap.mode === 'RO' ? 'RO' : 'RW',
    type: 'Disk',
    empty: false,
    other_config: swap.otherConfig,
    qos_algorithm_type: '',
    qos_algorithm_params: {},
  })
}
