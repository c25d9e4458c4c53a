import { availableParallelism } from 'node:os'
import { backupDisks, lockRepository, restorePointDisk, type BackupDisk, type Repository } from '@nixen/backup'
import { anySignal, isAppError, systemRandom } from '@nixen/core'
import type { DiskSource, Extent } from '@nixen/disk'
import { sampleSize, type BackedUpDisk, type BackupDiskInput, type BackupInput } from '../../operations/backup.ts'
import { writeTags } from '../../point-record.ts'
import type { OperationCode, OperationContext } from '../context.ts'
import { openSource, type OpenedSource } from '../open-source.ts'
import { recordOf } from '../record-of.ts'

/** How long another program may have the repository for itself, milliseconds. */
const defaultLockWait = 600_000
/** Threads beyond these bring little, and each takes 40 MB. */
const mostThreads = 4

/** Makes a restore point of a VM. */
export const backup: OperationCode<'backup'> = async (input, context) => {
  const { access, repositories, openWithIndex, signal, progress } = context
  progress({ phase: 'open' })
  const repository = await openWithIndex()
  repository.assertWritable()
  await using lock = await lockRepository(repository, { wait: input.lockWait ?? defaultLockWait, signal })
  const held = anySignal(signal, lock.signal)
  await using sources = new AsyncDisposableStack()
  const disks: (BackupDisk & Told)[] = []
  for (const disk of input.disks) {
    progress({ phase: 'open', detail: disk.name })
    const { session, rates } = context
    disks.push(await openDisk(disk, { repository, sources, session, rates, signal: held }))
  }
  const result = await backupDisks(repository, {
    host: input.name,
    path: input.path,
    vm: input.vm,
    files: input.files,
    time: input.time,
    parent: input.parent,
    tags: writeTags(input.tags ?? [], { ...input.facts, ...sizes(disks) }),
    disks,
    lock,
    signal: held,
    workers: input.threads ?? Math.min(availableParallelism(), mostThreads),
    progress: ({ file, doneBytes, totalBytes, storedBytes }) =>
      progress({
        phase: 'read',
        detail: file,
        done: doneBytes,
        total: totalBytes,
        unit: 'bytes',
        bytesRead: doneBytes,
        bytesWritten: storedBytes,
      }),
  })
  // The restore point is made: a cache that cannot be written costs only time.
  await repositories.saveCache(access).catch(() => undefined)
  return {
    point: recordOf(result.snapshot),
    disks: result.disks.map(({ file, size, mode, reason, readBytes }, i) => ({
      name: input.disks[i]?.name ?? file,
      file: `/${file}`,
      size,
      mode,
      ...(reason === undefined ? {} : { reason }),
      readBytes,
      ...disks[i]?.told,
    })),
    readBytes: result.readBytes,
    newBytes: result.newBytes,
    storedBytes: result.storedBytes,
  }
}

/** What is told of a disk beside what the engine says. */
interface Told {
  readonly told: Pick<BackedUpDisk, 'how' | 'because' | 'sampled'>
}

interface Opening extends Pick<OperationContext<'backup'>, 'session' | 'rates' | 'signal'> {
  readonly repository: Repository
  readonly sources: AsyncDisposableStack
}

async function openDisk(
  { name, source, changed, samples = 0 }: BackupDiskInput,
  { repository, sources, session, rates, signal }: Opening,
): Promise<BackupDisk & Told> {
  const path = `/${changed?.file ?? `disk-${name}.raw`}`
  const parent = async (): Promise<DiskSource> =>
    await restorePointDisk(repository, { snapshot: changed?.parent ?? '', path, signal })
  const found = sources.use(await openSource(source, { session, base: changed ? parent : undefined, signal }))
  const opened = { ...found, disk: rates.limited(found.disk) }
  const told = opened.how === undefined ? {} : { how: opened.how, because: opened.because ?? [] }
  const extents = opened.changed ?? changed?.extents
  if (!changed || !extents) return { name, source: opened.disk, told }
  const sampled = samples > 0 ? await sample(opened, { extents, parent, samples, signal }) : undefined
  const wrong = sampled !== undefined && sampled.differing > 0
  return {
    name,
    source: opened.disk,
    ...(wrong ? {} : { changed: { parent: changed.parent, file: changed.file, extents } }),
    told: { ...told, ...(sampled ? { sampled } : {}) },
  }
}

interface Sampling {
  readonly extents: readonly Extent[]
  readonly parent: () => Promise<DiskSource>
  readonly samples: number
  readonly signal: AbortSignal
}

/** A parent that is not there any more: the engine reads everything then. */
const noParent = new Set([
  'backup.snapshot_not_found',
  'backup.file_not_in_snapshot',
  'storage.not_found',
  'backup.file_damaged',
])

/** Compares some of what is said to be unchanged with the parent. */
async function sample(
  { disk, sequential }: OpenedSource,
  { extents, parent, samples, signal }: Sampling,
): Promise<BackedUpDisk['sampled']> {
  if (sequential) return undefined
  // Providers know how to choose; they are large, and most backups need none here.
  const { sampleUnchanged } = await import('@nixen/providers')
  try {
    await using before = await parent()
    // A block is what is read again as a whole when any of it changed: a chunk of the repository.
    const options = { changed: extents, samples, blockSize: sampleSize, random: systemRandom, signal }
    const { checked, differing } = await sampleUnchanged(disk, before, options)
    return { checked, differing: differing.length }
  } catch (error) {
    if (isAppError(error) && noParent.has(error.code)) return undefined
    throw error
  }
}

function sizes(disks: readonly BackupDisk[]): Pick<NonNullable<BackupInput['facts']>, 'size' | 'disks'> {
  return { disks: disks.length, size: disks.reduce((sum, { source }) => sum + source.size, 0) }
}
