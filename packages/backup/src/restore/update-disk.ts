import type { DiskSource, WritableDisk } from '@nixen/disk'
import { isZero, MiB } from '@nixen/core'
import { backupErrors } from '../errors.ts'
import { sha256 } from '../pack/blob-codec.ts'
import type { Repository } from '../repository/repository.ts'
import { runAt, runRange, zeroRun, type DiskMap } from './disk-map.ts'
import {
  restoreRuns,
  withOpenFile,
  type ByteRange,
  type RestoreOptions,
  type RestoreResult,
  type RestoreTarget,
} from './restore-disk.ts'

/** Runs longer than this are compared piece by piece. */
const piece = 4 * MiB

export interface UpdateResult extends RestoreResult {
  /** Bytes of the target that were as they should be. */
  readonly unchangedBytes: number
  /** Bytes that were made zero. */
  readonly zeroedBytes: number
}

/**
 * Makes an existing disk equal to one of a restore point, and writes only where it differs: the target is read and compared by hash, so only content that is
 * missing there is fetched. While it runs, and when it fails, the target is neither the old nor the new disk; running it again completes it.
 *
 * Errors: as `restoreDisk`, and those of the target.
 */
export async function updateDisk(
  repository: Repository,
  disk: DiskSource & WritableDisk,
  options: RestoreOptions,
): Promise<UpdateResult> {
  return withOpenFile(repository, options, async ({ snapshot, map, signal }) => {
    if (disk.size !== map.size) {
      throw backupErrors.target_size({ path: map.path, needed: map.size, actual: disk.size })
    }
    const empty = await zeroExtents(disk, signal)
    const differing = new Uint8Array(map.count)
    let [zeroedBytes, unchangedBytes] = [0, 0]
    for (let run = 0; run < map.count; run++) {
      signal.throwIfAborted()
      const range = runRange(map, run)
      if (map.entries[run] === zeroRun) {
        for (const part of await dirtyParts(disk, { range, empty, signal })) {
          await disk.zero(part.offset, part.length, { signal })
          zeroedBytes += part.length
        }
      } else if (empty(range) || !(await holds(repository, disk, { map, run, signal }))) differing[run] = 1
      if (differing[run] === 0) unchangedBytes += range.length
    }
    const target: RestoreTarget = {
      order: 'any',
      write: (offset, bytes) => disk.write(offset, bytes, { signal }),
      lose: ({ offset, length }) => disk.zero(offset, length, { signal }),
    }
    const wanted = (run: number): boolean => differing[run] === 1
    const { writtenBytes, lost } = await restoreRuns(repository, { map, target, signal, wanted }, options)
    await disk.flush({ signal })
    return {
      snapshot,
      size: map.size,
      writtenBytes,
      lost,
      zeroedBytes,
      unchangedBytes: unchangedBytes - zeroedBytes,
    }
  })
}

/** Whether the target has the content of a run already. */
async function holds(
  repository: Repository,
  disk: DiskSource,
  { map, run, signal }: { map: DiskMap; run: number; signal: AbortSignal },
): Promise<boolean> {
  const entry = map.entries[run] ?? zeroRun
  if (entry < 0) return false
  const { offset, length } = runRange(map, run)
  const content = new Uint8Array(length)
  await disk.read(offset, content, { signal })
  return repository.index.idOf(entry).equals(sha256(content))
}

/** Parts of a range that should be zero and are not. */
async function dirtyParts(
  disk: DiskSource,
  { range, empty, signal }: { range: ByteRange; empty: (range: ByteRange) => boolean; signal: AbortSignal },
): Promise<ByteRange[]> {
  const parts: ByteRange[] = []
  const end = range.offset + range.length
  for (let offset = range.offset; offset < end; offset += piece) {
    const part = { offset, length: Math.min(piece, end - offset) }
    if (empty(part)) continue
    const content = new Uint8Array(part.length)
    await disk.read(part.offset, content, { signal })
    if (!isZero(content)) parts.push(part)
  }
  return parts
}

/** Tells whether a range of the target is said to be zero, so that it need not be read. */
async function zeroExtents(disk: DiskSource, signal: AbortSignal): Promise<(range: ByteRange) => boolean> {
  const starts: number[] = []
  const zero: number[] = []
  for await (const extent of disk.extents({ signal })) {
    starts.push(extent.offset)
    zero.push(extent.kind === 'zero' ? zeroRun : 0)
  }
  if (starts.length === 0) return () => false
  const extents: DiskMap = {
    path: '',
    size: disk.size,
    count: starts.length,
    starts: Float64Array.from([...starts, disk.size]),
    entries: Int32Array.from(zero),
  }
  return ({ offset, length }) => {
    for (let run = runAt(extents, offset); run < extents.count; run++) {
      const range = runRange(extents, run)
      if (range.offset >= offset + length) return true
      if (extents.entries[run] !== zeroRun) return false
    }
    return true
  }
}
