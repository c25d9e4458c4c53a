import { messageOf } from '@nixen/core'
import type { DiskSource } from '@nixen/disk'
import { backupDisks } from '../backup/backup-disks.ts'
import type { BackupDisk } from '../backup/backup-request.ts'
import type { Repository } from '../repository/repository.ts'
import { listSnapshots } from '../snapshot/snapshot.ts'
import type { XoDisk } from './chain.ts'
import { openXoDisk, scanBackups, type XoBackup, type XoProblem } from './scan.ts'
import { openExport } from './unpack-xva.ts'
import { lineageOf, vmJson, type ConvertedDisk } from './vm-json.ts'
import type { XoStore } from './xo-store.ts'

/** What would be done with one backup. */
export interface XoStep {
  readonly backup: XoBackup
  /** `present`: a restore point was made of it before. `impossible`: with the reasons. */
  readonly state: 'convert' | 'present' | 'impossible'
  /** Bytes of its disks, where they are known without unpacking. */
  readonly size?: number | undefined
  readonly because: readonly string[]
}

export interface XoPlan {
  readonly steps: readonly XoStep[]
  readonly problems: readonly XoProblem[]
}

export interface XoConverted {
  readonly backup: XoBackup
  readonly snapshot: string
  readonly readBytes: number
  readonly newBytes: number
}

export interface ConvertOptions {
  readonly signal?: AbortSignal | undefined
  /** Folder for what must be unpacked. */
  readonly work: string
  readonly progress?:
    | ((step: number, steps: number, told: { done: number; total: number; name: string }) => void)
    | undefined
  /** Threads; as the engine likes when left out. */
  readonly workers?: number | undefined
  readonly onConverted?: ((converted: XoConverted) => void) | undefined
}

/** Marks a restore point with the backup that it was made of, so that it is not made twice. */
const markKey = 'nixen:xo='

/** What a conversion would do: opens all chains, reads no disk. Nothing is written anywhere. */
export async function planConversion(
  store: XoStore,
  to: Repository,
  { vm, signal }: { readonly vm?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<XoPlan> {
  const { backups, problems } = await scanBackups(store, { vm })
  const known = new Set((await listSnapshots(to, { signal })).flatMap(({ tags }) => tags))
  const steps: XoStep[] = []
  for (const backup of backups) {
    signal?.throwIfAborted()
    steps.push(known.has(markOf(backup)) ? { backup, state: 'present', because: [] } : await tryOpening(store, backup))
  }
  return { steps, problems }
}

async function tryOpening(store: XoStore, backup: XoBackup): Promise<XoStep> {
  const because: string[] = []
  let size = 0
  if (backup.xva !== undefined) {
    if (!(await store.exists(backup.xva))) because.push(`${backup.xva} is not there`)
    return { backup, state: because.length > 0 ? 'impossible' : 'convert', because }
  }
  for (const info of backup.disks) {
    try {
      await using disk = await openXoDisk(store, info)
      size += disk.size
    } catch (error) {
      because.push(messageOf(error))
    }
  }
  return { backup, state: because.length > 0 ? 'impossible' : 'convert', size, because }
}

/** A restore point made before, by disk: which image it holds, and in which file. */
interface Base {
  readonly snapshot: string
  readonly images: ReadonlyMap<string, string>
}

/**
 * Makes a restore point of each backup of the plan, the oldest of a VM first; of later ones only what changed is read. The source is only read. One that
 * fails is told and does not keep others from being made; what was made stays, so a conversion that was stopped goes on where it was.
 */
export async function executeConversion(
  store: XoStore,
  to: Repository,
  { plan, ...options }: ConvertOptions & { readonly plan: XoPlan },
): Promise<{ readonly converted: readonly XoConverted[]; readonly failed: readonly XoProblem[] }> {
  const wanted = plan.steps.filter(({ state }) => state === 'convert')
  const converted: XoConverted[] = []
  const failed: XoProblem[] = []
  const bases = new Map<string, Base>()
  for (const [step, { backup }] of wanted.entries()) {
    options.signal?.throwIfAborted()
    const told = (done: number, total: number): void =>
      options.progress?.(step, wanted.length, { done, total, name: backup.name })
    try {
      const result = await convertOne(store, to, { backup, base: bases.get(backup.vm), told, ...options })
      if (result.base) bases.set(backup.vm, result.base)
      converted.push(result.converted)
      options.onConverted?.(result.converted)
    } catch (error) {
      options.signal?.throwIfAborted()
      failed.push({ file: backup.file, what: sentences(error) })
    }
  }
  return { converted, failed }
}

/** What went wrong, and what was behind it: a disk that cannot be read has its reason in one of its files. */
function sentences(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? ` ${error.cause.message}` : ''
  return `${messageOf(error)}${cause}`
}

interface Converting extends ConvertOptions {
  readonly backup: XoBackup
  readonly base: Base | undefined
  readonly told: (done: number, total: number) => void
}

async function convertOne(
  store: XoStore,
  to: Repository,
  options: Converting,
): Promise<{ converted: XoConverted; base?: Base | undefined }> {
  const { backup, signal, told, workers } = options
  await using stack = new AsyncDisposableStack()
  const opened =
    backup.xva === undefined ? await deltaDisks(store, stack, options) : await fullDisks(store, stack, options)
  const { snapshot, readBytes, newBytes } = await backupDisks(to, {
    host: backup.name,
    path: `/vm/${lineageOf(backup.vm)}`,
    vm: vmJson(
      backup,
      opened.map(({ facts }) => facts),
    ),
    time: backup.time,
    tags: tagsOf(
      backup,
      opened.map(({ facts }) => facts),
    ),
    disks: opened.map(({ disk }) => disk),
    signal,
    workers,
    progress: ({ doneBytes, totalBytes }) => told(doneBytes, totalBytes),
  })
  const converted = { backup, snapshot: snapshot.id, readBytes, newBytes }
  if (backup.xva !== undefined) return { converted }
  const images = new Map(backup.disks.flatMap(({ key, image }) => (image === undefined ? [] : [[key, image]])))
  return { converted, base: { snapshot: snapshot.id, images } }
}

interface OpenedDisk {
  readonly disk: BackupDisk
  readonly facts: ConvertedDisk
}

async function deltaDisks(
  store: XoStore,
  stack: AsyncDisposableStack,
  { backup, base }: Converting,
): Promise<OpenedDisk[]> {
  const opened: OpenedDisk[] = []
  for (const info of backup.disks) {
    const source: XoDisk = stack.use(await openXoDisk(store, info))
    const image = base?.images.get(info.key)
    // Only where the disk builds on the one that was converted before; otherwise all is read.
    const changed =
      base && image !== undefined && source.chain.includes(image)
        ? {
            parent: base.snapshot,
            extents: source.changesSince(image),
          }
        : undefined
    const { key, name, record, vbd } = info
    opened.push({
      disk: { name: key, source, ...(changed && { changed }) },
      facts: { key, name, size: source.size, record, vbd },
    })
  }
  return opened
}

async function fullDisks(
  store: XoStore,
  stack: AsyncDisposableStack,
  { backup, work, signal }: Converting,
): Promise<OpenedDisk[]> {
  const { disks } = stack.use(await openExport(store, backup.xva ?? '', { work, signal }))
  return disks.map(({ key, source, name }) => {
    // Closed by the export.
    const borrowed: DiskSource = {
      size: source.size,
      extents: (more) => source.extents(more),
      read: (offset, into, more) => source.read(offset, into, more),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
    return { disk: { name: key, source: borrowed }, facts: { key, name, size: source.size, record: {}, vbd: {} } }
  })
}

function tagsOf(backup: XoBackup, disks: readonly ConvertedDisk[]): string[] {
  const size = disks.reduce((sum, disk) => sum + disk.size, 0)
  const own = [`uuid=${backup.vm}`, `lineage=${lineageOf(backup.vm)}`, `size=${size}`, `disks=${disks.length}`]
  return ['xen-orchestra', markOf(backup), ...own.map((tag) => `nixen:${tag}`)]
}

/** The file's name is unique in a repository of Xen Orchestra; restic's command line cuts at commas. */
function markOf({ file }: XoBackup): string {
  return `${markKey}${file.replace('xo-vm-backups/', '').replaceAll(',', ';')}`
}
