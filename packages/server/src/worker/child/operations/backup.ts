import { backupDisks, lockRepository, type BackupDisk } from '@nixen/backup'
import { anySignal } from '@nixen/core'
import type { BackupDiskInput, BackupInput } from '../../operations.ts'
import { writeTags } from '../../point-record.ts'
import { availableParallelism } from 'node:os'
import type { OperationCode } from '../context.ts'
import { openSource } from '../open-source.ts'
import { recordOf } from '../record-of.ts'

/** How long another program may have the repository for itself, milliseconds. */
const defaultLockWait = 600_000
/** Threads beyond these bring little, and each takes 40 MB. */
const mostThreads = 4

/** Makes a restore point of a VM. */
export const backup: OperationCode<'backup'> = async (
  input,
  { access, repositories, openWithIndex, signal, progress },
) => {
  progress({ phase: 'open' })
  const repository = await openWithIndex()
  repository.assertWritable()
  await using lock = await lockRepository(repository, { wait: input.lockWait ?? defaultLockWait, signal })
  const held = anySignal(signal, lock.signal)
  await using sources = new AsyncDisposableStack()
  const disks: BackupDisk[] = []
  for (const disk of input.disks) {
    progress({ phase: 'open', detail: disk.name })
    disks.push(await openDisk(disk, sources, held))
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
    })),
    readBytes: result.readBytes,
    newBytes: result.newBytes,
    storedBytes: result.storedBytes,
  }
}

async function openDisk(
  { name, source, changed }: BackupDiskInput,
  sources: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<BackupDisk> {
  const opened = sources.use(await openSource(source, signal))
  const extents = opened.changed ?? changed?.extents
  const list = changed && extents ? { parent: changed.parent, file: changed.file, extents } : undefined
  return { name, source: opened.disk, ...(list ? { changed: list } : {}) }
}

function sizes(disks: readonly BackupDisk[]): Pick<NonNullable<BackupInput['facts']>, 'size' | 'disks'> {
  return { disks: disks.length, size: disks.reduce((sum, { source }) => sum + source.size, 0) }
}
