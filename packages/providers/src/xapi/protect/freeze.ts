import { protectErrors, vmErrors, type VmId } from '@nixen/api'
import { messageOf } from '@nixen/core'
import { isXapiError, type Ref, type VDIRecord, type VMRecord } from '@nixen/xapi'
import type {
  ExcludedDisk,
  FreezeMode,
  FreezeOptions,
  FrozenDisk,
  FrozenVm,
  ProtectNote,
} from '../../protect/freeze.ts'
import type { ProtectStep } from '../../protect/undo.ts'
import { refOf } from '../actions/context.ts'
import { captureVm, configDisk, type Captured, type CapturedDisk } from './capture.ts'
import { callsOf, type ProtectContext } from './context.ts'
import { snapshotFailure } from './failures.ts'
import { ensureLineage } from './lineage.ts'
import { diskKey, freezeKey, markedName, newMark, ownerKey, withMarks } from './marks.ts'
import { disksOfSnapshot, removeFrozen, type SnapshotMark } from './snapshot.ts'
import { tokenOf } from './token.ts'

/** How long the removal of a snapshot that is of no use may take, in milliseconds. */
const cleanupTime = 60_000

/** Freezes a VM. What it made is removed again when it fails. */
export async function freezeVm(context: ProtectContext, id: VmId, options: FreezeOptions): Promise<FrozenVm> {
  const { mode = 'crash', owner, journal, signal } = options
  const vm = await refOf(context, id, 'VM')
  const captured = await captureVm(context, vm, { signal })
  const { name_label: vmName } = captured.record
  assertState(captured.record, id, mode)
  const notes = [...captured.notes, ...quiesceNotes(vmName, options.quiesce ?? 'never')]
  const { taken, excluded } = choose(captured, options)
  if (taken.length === 0) throw protectErrors.nothing_to_freeze({ vm: vmName })
  const lineage = await ensureLineage(context, vm, captured.record, { signal })
  const tracking = await trackAll(context, taken, options)
  const mark = newMark(context.random)
  const name = markedName(options.name ?? `${vmName} for ${owner}`, mark)
  const data = { name, mark, disks: taken.map(({ ref }) => ref) } satisfies SnapshotMark
  const step: ProtectStep = { kind: 'protect.snapshot', what: `Remove the snapshot of ${vmName}`, data }
  const entry = await journal.undo(step)
  try {
    const leftOut = captured.disks.filter((disk) => !taken.includes(disk)).map(({ ref }) => ref)
    const snapshot = await takeSnapshot(context, vm, { name, mode, leftOut, options })
    const { frozen, time, uuid } = await describe(context, snapshot, { taken, tracking, mark, owner, mode, signal })
    const disks = frozen.map(({ token: _token, frozen: _frozen, tracking: _tracking, ...disk }) => disk)
    return {
      vm: captured.record.uuid,
      snapshot: uuid,
      mark,
      owner,
      time,
      mode,
      quiesced: false,
      config: captured.config(disks, lineage),
      disks: frozen,
      excluded,
      notes,
      undo: step,
    }
  } catch (error) {
    try {
      await removeFrozen(context, data, { signal: AbortSignal.timeout(cleanupTime) })
      await entry.forget()
    } catch {
      // The entry stays in the journal, and with it the task of removing it; what went wrong first is what counts.
    }
    signal?.throwIfAborted()
    throw snapshotFailure(error, { id, name: vmName })
  }
}

function assertState({ power_state, name_label }: VMRecord, id: VmId, mode: FreezeMode): void {
  if (mode === 'halted' && power_state !== 'Halted' && power_state !== 'Suspended') {
    throw vmErrors.bad_power_state({ id, expected: ['halted', 'suspended'], actual: power_state.toLowerCase() })
  }
  if (mode === 'memory' && power_state === 'Halted') {
    const options = { cause: new Error(`${name_label} holds nothing in memory`) }
    throw vmErrors.bad_power_state({ id, expected: ['running', 'paused', 'suspended'], actual: 'halted' }, options)
  }
}

/** XAPI has had no quiesced snapshots since their removal with the Windows VSS provider (`VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED`). */
function quiesceNotes(vm: string, quiesce: 'never' | 'try' | 'require'): ProtectNote[] {
  if (quiesce === 'never') return []
  const reason = 'XAPI has no snapshots for which the guest is asked first.'
  if (quiesce === 'require') throw protectErrors.cannot_quiesce({ vm, reason })
  return [{ code: 'not-quiesced', text: `The disks of ${vm} are as after a power cut: ${reason}` }]
}

function choose({ disks }: Captured, { exclude }: FreezeOptions): { taken: CapturedDisk[]; excluded: ExcludedDisk[] } {
  const taken: CapturedDisk[] = []
  const excluded: ExcludedDisk[] = []
  for (const captured of disks) {
    const reason = unfreezable(captured) ?? exclude?.(captured.disk)
    if (reason === undefined) taken.push(captured)
    else excluded.push({ disk: captured.disk, reason })
  }
  return { taken, excluded }
}

/** Why no snapshot of a disk can be taken, or none that would be of use. */
function unfreezable({ vdi, sr }: CapturedDisk): string | undefined {
  if (vdi.missing) return 'The storage does not find the disk any more.'
  if (vdi.sharable) return 'The disk is shared by several VMs, and XAPI takes no snapshots of such disks.'
  if (vdi.on_boot === 'reset') return 'The disk is reset at each start of the VM.'
  if (sr.content_type === 'iso' || sr.type === 'iso') return 'The disk is an image on a storage of ISO images.'
  if (sr.type === 'udev') return 'The disk is a device of the host.'
  return undefined
}

type Tracking = FrozenDisk['tracking']

/** Lets the host note changes of the disks. It must do so before the snapshot, or the next backup has to read everything. */
async function trackAll(
  context: ProtectContext,
  disks: readonly CapturedDisk[],
  { trackChanges = true, signal }: FreezeOptions,
): Promise<Map<string, Tracking>> {
  const { VDI } = callsOf(context, { signal })
  const track = async ({ ref, vdi, disk }: CapturedDisk): Promise<readonly [string, Tracking]> => {
    if (!trackChanges) return [disk.key, { off: 'it was not asked to' }]
    if (vdi.cbt_enabled) return [disk.key, 'on']
    try {
      await VDI.enable_cbt(ref)
      return [disk.key, 'on']
    } catch (error) {
      if (!isXapiError(error) || error.code === 'HANDLE_INVALID') throw error
      return [disk.key, { off: messageOf(error) }]
    }
  }
  return new Map(await Promise.all(disks.map(track)))
}

async function takeSnapshot(
  { xapi }: ProtectContext,
  vm: Ref<'VM'>,
  snapshot: { name: string; mode: FreezeMode; leftOut: readonly Ref<'VDI'>[]; options: FreezeOptions },
): Promise<Ref<'VM'>> {
  const { name, mode, leftOut, options } = snapshot
  const { signal, progress } = options
  const follow = { signal, onProgress: (part: number) => progress?.(part) }
  const calls = xapi.client.async.VM
  if (mode === 'memory') return await xapi.run(calls.checkpoint(vm, name), follow)
  if (leftOut.length === 0) return await xapi.run(calls.snapshot(vm, name), follow)
  try {
    return await xapi.run(calls.snapshot(vm, name, leftOut), follow)
  } catch (error) {
    // Hosts before XAPI 21 can't leave disks out: those are removed with the snapshot.
    if (!isXapiError(error, 'MESSAGE_PARAMETER_COUNT_MISMATCH')) throw error
    return await xapi.run(calls.snapshot(vm, name), follow)
  }
}

interface Description {
  readonly taken: readonly CapturedDisk[]
  readonly tracking: ReadonlyMap<string, Tracking>
  readonly mark: string
  readonly owner: string
  readonly mode: FreezeMode
  readonly signal: AbortSignal | undefined
}

/** Marks the snapshot and its disks, and says which frozen disk stands for which one of the VM. */
async function describe(
  context: ProtectContext,
  snapshot: Ref<'VM'>,
  { taken, tracking, mark, owner, mode, signal }: Description,
): Promise<{ frozen: FrozenDisk[]; time: number; uuid: string }> {
  const calls = callsOf(context, { signal })
  const record = await calls.VM.get_record(snapshot)
  const marks = { [freezeKey]: mark, [ownerKey]: owner }
  await calls.VM.set_other_config(snapshot, withMarks(record.other_config, marks))
  const copies = await disksOfSnapshot(context, snapshot, { signal })
  const frozen: FrozenDisk[] = []
  for (const captured of taken) {
    const copy = [...copies].find(([, { snapshot_of }]) => snapshot_of === captured.ref)
    if (!copy) throw protectErrors.frozen_gone({ disk: captured.disk.name })
    const [ref, vdi] = copy
    const of = captured.disk.key
    await calls.VDI.set_other_config(ref, withMarks(vdi.other_config, { ...marks, [diskKey]: of }))
    frozen.push(frozenDisk(captured, vdi, tracking.get(of) ?? 'on'))
  }
  const memory = mode === 'memory' && record.suspend_VDI !== null ? copies.get(record.suspend_VDI) : undefined
  if (memory && record.suspend_VDI !== null) {
    await calls.VDI.set_other_config(
      record.suspend_VDI,
      withMarks(memory.other_config, { ...marks, [diskKey]: 'memory' }),
    )
    const disk = configDisk(memory, await calls.SR.get_record(memory.SR), { kind: 'memory' })
    const token = tokenOf({ frozen: memory.uuid, disk: memory.uuid, size: memory.virtual_size })
    frozen.push({ ...disk, token, frozen: memory.uuid, tracking: { off: 'memory is new each time' } })
  }
  return { frozen, time: record.snapshot_time, uuid: record.uuid }
}

function frozenDisk({ disk }: CapturedDisk, vdi: VDIRecord, tracking: Tracking): FrozenDisk {
  // The size that counts is the one at the moment of the snapshot.
  const size = vdi.virtual_size
  const on = vdi.cbt_enabled
  return {
    ...disk,
    size,
    token: tokenOf({ frozen: vdi.uuid, disk: disk.key, size }),
    frozen: vdi.uuid,
    tracking: on ? 'on' : tracking === 'on' ? { off: 'it was switched off again' } : tracking,
  }
}
