import { connectionErrors, protectErrors, vmErrors, type VmId } from '@nixen/api'
import { messageOf } from '@nixen/core'
import { constants as c, isLibvirtError, parseXml, type Domain } from '@nixen/libvirt'
import type { ExcludedDisk, FreezeOptions, FrozenDisk, FrozenVm, ProtectNote } from '../../protect/freeze.ts'
import { newMark } from '../../xapi/protect/marks.ts'
import { domainOf, isActive, type LibvirtContext } from '../actions/context.ts'
import { backupXml, currentJob, socketFolder, type JobDisk } from './backup-job.ts'
import { captureDomain, ensureLineage, type Captured, type CapturedDisk } from './capture.ts'
import { checkpointXml, listCheckpoints, recallCheckpoints, type Checkpoint } from './checkpoints.ts'
import { takeBack, type BackupStep } from './finish.ts'
import { checkpointName, tokenOf } from './token.ts'

/** Code of the note that changes could not be told though they were followed. */
export const damagedNote = 'tracking-damaged'

/** What one freezing works with. */
interface Freezing {
  readonly captured: Captured
  readonly taken: readonly CapturedDisk[]
  readonly mark: string
  readonly options: FreezeOptions
  readonly notes: ProtectNote[]
}

/**
 * Freezes a VM: QEMU serves its disks as they are at this moment over NBD (a backup job in pull mode), and a checkpoint follows what changes from
 * here on. A VM that is off is started paused for it: only QEMU knows its bitmaps.
 */
export async function freezeDomain(
  context: LibvirtContext,
  id: VmId,
  { product, ...options }: FreezeOptions & { readonly product: string },
): Promise<FrozenVm> {
  const { main } = context.link
  const dom = await domainOf(context, id)
  const isOff = !(await isActive(main, dom))
  await assertState(context, { id, dom, isOff, mode: options.mode ?? 'crash' })
  const captured = await captureDomain(context, dom, product)
  const { taken, excluded } = choose(captured, options)
  if (taken.length === 0) throw protectErrors.nothing_to_freeze({ vm: dom.name })
  const lineage = await ensureLineage(context, dom)
  const mark = newMark(context.random)
  const data = { uuid: dom.uuid, mark, wasOff: isOff } satisfies BackupStep
  const step = { kind: 'protect.backup', what: `End the backup of ${dom.name}`, data }
  const notes: ProtectNote[] = []
  const entry = await options.journal.undo(step)
  try {
    if (isOff) await main.call.domainCreateWithFlags({ dom, flags: c.VIR_DOMAIN_START_PAUSED })
    const quiesced = await begin(context, dom, { captured, taken, mark, options, notes })
    const disks = await describe(context, dom, { taken, mark, options })
    const time = context.clock.now()
    const config = captured.config(
      disks.map(({ token: _t, frozen: _f, tracking: _k, ...disk }) => disk),
      lineage,
    )
    return {
      vm: dom.uuid,
      snapshot: checkpointName(mark),
      mark,
      owner: options.owner,
      time,
      mode: isOff ? 'halted' : 'crash',
      quiesced,
      config: { ...config, powerState: isOff ? 'halted' : 'running' },
      disks,
      excluded,
      notes,
      undo: step,
    }
  } catch (error) {
    try {
      await takeBack(context, data)
      await entry.forget()
    } catch {
      // The entry stays in the journal, and with it the task of removing it; what went wrong first is what counts.
    }
    options.signal?.throwIfAborted()
    if (!isLibvirtError(error)) throw error
    throw protectErrors.snapshot_failed({ vm: dom.name, reason: error.reason }, { cause: error })
  }
}

async function assertState(
  { link }: LibvirtContext,
  { id, dom, isOff, mode }: { id: VmId; dom: Domain; isOff: boolean; mode: NonNullable<FreezeOptions['mode']> },
): Promise<void> {
  if (mode === 'memory') {
    throw connectionErrors.unsupported({
      action: 'backup with memory',
      reason: 'libvirt gives the memory of a VM only into files of its host.',
    })
  }
  if (mode === 'halted' && !isOff) {
    throw vmErrors.bad_power_state({ id, name: dom.name, expected: ['halted'], actual: 'running' })
  }
  // Starting it would use up the memory that was saved.
  const saved = isOff && (await link.main.call.domainHasManagedSaveImage({ dom })).result === 1
  if (saved)
    throw vmErrors.bad_power_state({
      id,
      name: dom.name,
      expected: ['running', 'paused', 'halted'],
      actual: 'suspended',
    })
  const job = await currentJob(link.main, dom)
  if (job) throw protectErrors.snapshot_failed({ vm: dom.name, reason: 'another backup of it is under way' })
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

function unfreezable({ device }: CapturedDisk): string | undefined {
  if (device.isShareable) return 'The disk is shared by several VMs.'
  if (device.isReadOnly) return 'The VM cannot write to the disk.'
  if (device.backing.kind === 'dir') return 'The disk is a folder of the host.'
  return undefined
}

const canTrack = ({ device }: CapturedDisk): boolean => device.format === 'qcow2'

/** Begins the job. What was damaged is left out, with a note. Whether the guest brought its data in order first. */
async function begin(context: LibvirtContext, dom: Domain, freezing: Freezing): Promise<boolean> {
  const { options, notes } = freezing
  await recallCheckpoints(context, dom)
  const base = options.trackChanges === false ? undefined : await baseOf(context, dom, options.owner)
  const quiesced = await quiesce(context, dom, freezing)
  try {
    try {
      await beginJob(context, dom, freezing, base)
    } catch (error) {
      if (!base || !isDamaged(error)) throw error
      notes.push({
        code: damagedNote,
        text: `What had changed in ${dom.name} since its last backup is not known any more (${messageOf(error)}); everything is read.`,
      })
      await beginJob(context, dom, freezing, undefined)
    }
  } finally {
    if (quiesced) await context.link.main.call.domainFsthaw({ dom, mountpoints: [] }).catch(() => undefined)
  }
  return quiesced
}

/** The oldest checkpoint of the job that is kept: from it changes are known for all that came later. */
async function baseOf({ link }: LibvirtContext, dom: Domain, owner: string): Promise<Checkpoint | undefined> {
  return (await listCheckpoints(link.main, dom)).find((one) => one.owner === owner)
}

async function beginJob(
  { link }: LibvirtContext,
  dom: Domain,
  { captured, taken, mark, options }: Freezing,
  base: Checkpoint | undefined,
): Promise<void> {
  const { call } = link.main
  const live = parseXml((await call.domainGetXmlDesc({ dom })).xml, { root: 'domain' })
  const folder = socketFolder(live)
  const disks = taken.map((one): JobDisk => {
    const { target, backing } = one.device
    // Beside an image there is room, and QEMU may write; devices have no place beside them.
    const beside = backing.kind === 'file' ? backing.path : `${folder}/${target}`
    return {
      target,
      since: base?.disks.includes(target) ? base.name : undefined,
      scratch: `${beside}.nixen-${mark}`,
    }
  })
  const tracked = new Map(captured.domain.disks.map(({ target }) => [target, false]))
  for (const one of taken) if (canTrack(one)) tracked.set(one.device.target, true)
  const track = options.trackChanges !== false && [...tracked.values()].includes(true)
  await call.domainBackupBegin({
    dom,
    backupXml: backupXml(
      `${folder}/n-${mark}`,
      disks,
      captured.domain.disks.map(({ target }) => target),
    ),
    checkpointXml: track ? checkpointXml(checkpointName(mark), { owner: options.owner, disks: tracked }) : undefined,
  })
}

/** A bitmap that is missing, or was in use when its QEMU was killed. */
function isDamaged(error: unknown): boolean {
  return (
    isLibvirtError(error, c.VIR_ERR_CHECKPOINT_INCONSISTENT) ||
    (isLibvirtError(error) && /bitmap|checkpoint/i.test(error.reason))
  )
}

async function quiesce({ link }: LibvirtContext, dom: Domain, { options, notes }: Freezing): Promise<boolean> {
  const { quiesce: wanted = 'never' } = options
  if (wanted === 'never') return false
  try {
    await link.main.call.domainFsfreeze({ dom, mountpoints: [] })
    return true
  } catch (error) {
    if (!isLibvirtError(error)) throw error
    if (wanted === 'require')
      throw protectErrors.cannot_quiesce({ vm: dom.name, reason: error.reason }, { cause: error })
    notes.push({ code: 'not-quiesced', text: `The disks of ${dom.name} are as after a power cut: ${error.reason}.` })
    return false
  }
}

async function describe(
  { link }: LibvirtContext,
  dom: Domain,
  { taken, mark, options }: Pick<Freezing, 'taken' | 'mark' | 'options'>,
): Promise<FrozenDisk[]> {
  const { call } = link.main
  const disks: FrozenDisk[] = []
  for (const one of taken) {
    const { target } = one.device
    // The size of what the guest sees, also of what no pool has.
    const { capacity } = await call.domainGetBlockInfo({ dom, path: target })
    const tracking =
      options.trackChanges === false
        ? { off: 'It was not to be.' }
        : canTrack(one)
          ? ('on' as const)
          : { off: `Only qcow2 images keep what changed; this one is ${one.device.format ?? 'raw'}.` }
    const token = tokenOf({ domain: dom.uuid, checkpoint: checkpointName(mark), disk: target })
    disks.push({ ...one.disk, size: Number(capacity), token, frozen: target, tracking })
  }
  return disks
}
