import { messageOf } from '@nixen/core'
import type { ChangeToken } from '@nixen/disk'
import { isXapiError, type Ref, type VDIRecord } from '@nixen/xapi'
import type { FrozenDisk, FrozenVm, Kept, KeepOptions, ProtectNote } from '../../protect/freeze.ts'
import { callsOf, isGone, unlessGone, whenFree, type ProtectContext, type Stoppable } from './context.ts'
import { freezeKey, keptKey } from './marks.ts'
import { destroyDisk, destroySnapshot, disksOfSnapshot, removeFrozen, type SnapshotMark } from './snapshot.ts'
import { readToken } from './token.ts'

interface FrozenCopy {
  readonly disk: FrozenDisk
  readonly ref: Ref<'VDI'>
  readonly vdi: VDIRecord
  readonly kept: 'log' | 'data' | 'nothing'
}

/** Keeps what the next backup builds on, and removes the rest. Each step may be repeated, and a crash between two of them loses no kept disk. */
export async function keepFrozen(context: ProtectContext, frozen: FrozenVm, options: KeepOptions): Promise<Kept> {
  const { signal, drop = [] } = options
  const calls = callsOf(context, { signal })
  const notes: ProtectNote[] = []
  const copies = await findCopies(context, frozen, options)
  const snapshot = await unlessGone(calls.VM.get_by_uuid(frozen.snapshot))
  // First the marks: from now on undoing the backup's step leaves these disks alone.
  if (snapshot !== undefined && copies.some(({ kept }) => kept === 'data')) {
    await setKept(calls.VM, snapshot)
  }
  for (const { ref, kept } of copies) if (kept !== 'nothing') await setKept(calls.VDI, ref)
  const settled: FrozenCopy[] = []
  for (const copy of copies) settled.push(await purge(context, copy, { notes, signal }))
  if (snapshot !== undefined) await trimSnapshot(context, snapshot, settled, { signal })
  for (const token of drop) {
    if (!frozen.disks.some((disk) => disk.token === token)) await dropToken(context, token, { signal })
  }
  const byKey = new Map(settled.map((copy) => [copy.disk.key, copy.kept]))
  return { disks: frozen.disks.map(({ key, token }) => ({ key, token, kept: byKey.get(key) ?? 'nothing' })), notes }
}

async function findCopies(
  context: ProtectContext,
  { disks, mark }: FrozenVm,
  { data, signal }: KeepOptions,
): Promise<FrozenCopy[]> {
  const { VDI } = callsOf(context, { signal })
  const found: FrozenCopy[] = []
  for (const disk of disks) {
    const ref = await unlessGone(VDI.get_by_uuid(disk.frozen))
    const vdi = ref === undefined ? undefined : await unlessGone(VDI.get_record(ref))
    if (ref === undefined || !vdi || vdi.other_config[freezeKey] !== mark) continue
    found.push({ disk, ref, vdi, kept: whatToKeep(vdi, { data, memory: disk.kind === 'memory' }) })
  }
  return found
}

function whatToKeep(
  { type, cbt_enabled }: VDIRecord,
  { data, memory }: { data: KeepOptions['data']; memory: boolean },
): FrozenCopy['kept'] {
  if (type === 'cbt_metadata') return data === 'nothing' ? 'nothing' : 'log'
  if (data === 'keep') return 'data'
  if (data === 'nothing' || memory) return 'nothing'
  return cbt_enabled ? 'log' : 'data'
}

interface OtherConfig<C extends 'VM' | 'VDI'> {
  remove_from_other_config(ref: Ref<C>, key: string): Promise<void>
  add_to_other_config(ref: Ref<C>, key: string, value: string): Promise<void>
}

async function setKept<C extends 'VM' | 'VDI'>(calls: OtherConfig<C>, ref: Ref<C>): Promise<void> {
  await calls.remove_from_other_config(ref, keptKey)
  await calls.add_to_other_config(ref, keptKey, '1')
}

/** Removes the data of a disk whose log is enough. Where the host does not, the data stay: the next backup is no full one for that. */
async function purge(
  context: ProtectContext,
  copy: FrozenCopy,
  { notes, signal }: Stoppable & { notes: ProtectNote[] },
): Promise<FrozenCopy> {
  const { disk, ref, vdi, kept } = copy
  if (kept !== 'log' || vdi.type === 'cbt_metadata') return copy
  const { VDI } = callsOf(context, { signal })
  try {
    await whenFree(context, () => VDI.data_destroy(ref), { signal })
    return copy
  } catch (error) {
    if (!isXapiError(error) || isGone(error)) throw error
    const text = `The host did not remove the data of the snapshot of ${disk.name} (${messageOf(error)}); it is kept as a whole until the next backup.`
    notes.push({ code: 'data-kept', text })
    return { ...copy, kept: 'data' }
  }
}

/** Takes everything out of the snapshot that is not kept with its data; without any it goes as a whole. */
async function trimSnapshot(
  context: ProtectContext,
  snapshot: Ref<'VM'>,
  copies: readonly FrozenCopy[],
  options: Stoppable,
): Promise<void> {
  const withData = new Set<string>(copies.filter(({ kept }) => kept === 'data').map(({ ref }) => ref))
  const logs = new Set<string>(copies.filter(({ kept }) => kept === 'log').map(({ ref }) => ref))
  if (withData.size === 0) return await destroySnapshot(context, snapshot, { ...options, except: logs })
  await setKept(callsOf(context, options).VM, snapshot)
  for (const ref of (await disksOfSnapshot(context, snapshot, options)).keys()) {
    if (!withData.has(ref) && !logs.has(ref)) await destroyDisk(context, ref, options)
  }
}

/** Removes all that was frozen. */
export async function releaseFrozen(context: ProtectContext, frozen: FrozenVm, options: Stoppable = {}): Promise<void> {
  // What `freezeVm` has written there.
  await removeFrozen(context, frozen.undo.data as unknown as SnapshotMark, options)
}

/** Removes what is kept for a token: the frozen disk, and the snapshot around it when it was the last one in it. */
export async function dropToken(context: ProtectContext, token: ChangeToken, options: Stoppable = {}): Promise<void> {
  const parts = readToken(token)
  if (!parts) return
  const calls = callsOf(context, options)
  const ref = await unlessGone(calls.VDI.get_by_uuid(parts.frozen))
  const vdi = ref === undefined ? undefined : await unlessGone(calls.VDI.get_record(ref))
  if (ref === undefined || !vdi) return
  const mark = vdi.other_config[freezeKey]
  if (!vdi.is_a_snapshot || mark === undefined) return
  const snapshots = await snapshotsAround(context, vdi, { mark, ...options })
  await destroyDisk(context, ref, options)
  for (const snapshot of snapshots) {
    const left = (await unlessGone(disksOfSnapshot(context, snapshot, options))) ?? new Map()
    if (left.size === 0) await unlessGone(calls.VM.destroy(snapshot))
  }
}

/** The snapshots of ours that a frozen disk is in. */
async function snapshotsAround(
  context: ProtectContext,
  { VBDs }: VDIRecord,
  { mark, signal }: Stoppable & { mark: string },
): Promise<Set<Ref<'VM'>>> {
  const calls = callsOf(context, { signal })
  const found = new Set<Ref<'VM'>>()
  for (const ref of VBDs) {
    const vbd = await unlessGone(calls.VBD.get_record(ref))
    const vm = vbd && (await unlessGone(calls.VM.get_record(vbd.VM)))
    if (vbd && vm?.is_a_snapshot && vm.other_config[freezeKey] === mark) found.add(vbd.VM)
  }
  return found
}
