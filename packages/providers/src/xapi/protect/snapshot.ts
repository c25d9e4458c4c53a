import type { Ref, VDIRecord } from '@nixen/xapi'
import { callsOf, unlessGone, whenFree, type ProtectContext, type Stoppable } from './context.ts'
import { freezeKey, keptKey, markInName } from './marks.ts'

/** What the step of a snapshot remembers. */
export interface SnapshotMark {
  readonly name: string
  readonly mark: string
  /** References of the VM's own disks that are in it. */
  readonly disks: readonly string[]
}

/** The snapshots that bear a mark. Copies of marks (a VM that was reverted to the snapshot, a clone of it) are no snapshots. */
export async function markedSnapshots(
  context: ProtectContext,
  { name, mark }: SnapshotMark,
  options: Stoppable = {},
): Promise<{ ref: Ref<'VM'>; kept: boolean }[]> {
  const { VM } = callsOf(context, options)
  const found: { ref: Ref<'VM'>; kept: boolean }[] = []
  for (const ref of await VM.get_by_name_label(name)) {
    const record = await unlessGone(VM.get_record(ref))
    if (!record?.is_a_snapshot || markInName(record.name_label) !== mark) continue
    // A snapshot that was copied from the VM's own metadata a moment ago may bear older marks; those of this backup are set after it is made.
    found.push({ ref, kept: record.other_config[freezeKey] === mark && record.other_config[keptKey] !== undefined })
  }
  return found
}

/** Frozen disks of a snapshot, with their records. */
export async function disksOfSnapshot(
  context: ProtectContext,
  snapshot: Ref<'VM'>,
  options: Stoppable = {},
): Promise<Map<Ref<'VDI'>, VDIRecord>> {
  const calls = callsOf(context, options)
  const { VBDs, suspend_VDI } = await calls.VM.get_record(snapshot)
  const refs = new Set<Ref<'VDI'>>()
  for (const ref of VBDs) {
    const vbd = await unlessGone(calls.VBD.get_record(ref))
    if (vbd?.type === 'Disk' && vbd.VDI !== null) refs.add(vbd.VDI)
  }
  if (suspend_VDI !== null) refs.add(suspend_VDI)
  const disks = new Map<Ref<'VDI'>, VDIRecord>()
  for (const ref of refs) {
    const record = await unlessGone(calls.VDI.get_record(ref))
    // Never a disk that somebody works with: only what is frozen, or the memory that belongs to this snapshot alone.
    if (record && (record.is_a_snapshot || ref === suspend_VDI)) disks.set(ref, record)
  }
  return disks
}

/** Removes a snapshot and its disks, but for those in `except`. The disks go first: what a crash leaves behind is still found by the snapshot. */
export async function destroySnapshot(
  context: ProtectContext,
  snapshot: Ref<'VM'>,
  { except, signal }: Stoppable & { except?: ReadonlySet<string> } = {},
): Promise<void> {
  const disks = await unlessGone(disksOfSnapshot(context, snapshot, { signal }))
  for (const ref of disks?.keys() ?? []) {
    if (!except?.has(ref)) await destroyDisk(context, ref, { signal })
  }
  await unlessGone(callsOf(context, { signal }).VM.destroy(snapshot))
}

/** Removes a disk as soon as nobody uses it. That it is gone already is fine. */
export async function destroyDisk(context: ProtectContext, vdi: Ref<'VDI'>, options: Stoppable = {}): Promise<void> {
  const { VDI } = callsOf(context, options)
  await unlessGone(whenFree(context, () => VDI.destroy(vdi), options))
}

/** Removes what a backup froze and did not keep. */
export async function removeFrozen(
  context: ProtectContext,
  mark: SnapshotMark,
  options: Stoppable = {},
): Promise<void> {
  const calls = callsOf(context, options)
  for (const { ref, kept } of await markedSnapshots(context, mark, options)) {
    if (kept) continue
    const disks = await unlessGone(disksOfSnapshot(context, ref, options))
    const except = [...(disks ?? [])]
      .filter(([, { other_config }]) => isKept(other_config, mark.mark))
      .map(([vdi]) => vdi)
    await destroySnapshot(context, ref, { ...options, except: new Set(except) })
  }
  // Frozen disks whose snapshot is gone: somebody removed it alone, or a crash came in between.
  for (const disk of mark.disks) {
    // A reference that was stored.
    const snapshots = (await unlessGone(calls.VDI.get_snapshots(disk as Ref<'VDI'>))) ?? []
    for (const ref of snapshots) {
      const vdi = await unlessGone(calls.VDI.get_record(ref))
      if (!vdi?.is_a_snapshot || vdi.other_config[freezeKey] !== mark.mark || isKept(vdi.other_config, mark.mark))
        continue
      await destroyDisk(context, ref, options)
    }
  }
}

function isKept(config: Readonly<Record<string, string>>, mark: string): boolean {
  return config[freezeKey] === mark && config[keptKey] !== undefined
}
