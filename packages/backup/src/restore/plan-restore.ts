import type { BlobIndex } from '../index/blob-index.ts'
import type { BlobLocation } from '../pack/blob.ts'
import { missingRun, runRange, zeroRun, type DiskMap } from './disk-map.ts'

/** Blobs that are read with one call and decoded by one worker. */
export interface RestoreTask {
  readonly pack: string
  readonly offset: number
  readonly length: number
  /** Plain bytes of all blobs together. */
  readonly plainLength: number
  readonly blobs: readonly TaskBlob[]
}

export interface TaskBlob {
  readonly location: BlobLocation
  readonly plainLength: number
  /** Where its content belongs on the disk. */
  readonly positions: readonly number[]
}

/** Plain bytes that a task may have, if it has more than one blob. */
export const taskBytes: number = 8 * 1024 * 1024
/** Bytes between two blobs of a pack that are rather read over than asked for apart. */
const maxGap = 128 * 1024

/**
 * Tasks for the given runs of a map. In the order of packs, each blob once for all its places; or, for sinks that only take ascending offsets, in the
 * order of the disk. Runs of zeros and missing blobs are left out.
 */
export function* planTasks(
  index: BlobIndex,
  map: DiskMap,
  { order, wanted }: { order: 'any' | 'ascending'; wanted?: (run: number) => boolean },
): Generator<RestoreTask> {
  const runs: number[] = []
  for (let run = 0; run < map.count; run++) {
    const entry = map.entries[run] ?? zeroRun
    if (entry !== zeroRun && entry !== missingRun && (!wanted || wanted(run))) runs.push(run)
  }
  if (order === 'any') runs.sort((a, b) => comparePlaces(index, map, a, b))
  let blobs: TaskBlob[] = []
  for (let i = 0; i < runs.length;) {
    const entry = map.entries[runs[i] ?? 0] ?? 0
    const end = order === 'any' ? endOfEqual(map, runs, i) : i + 1
    const positions = runs.slice(i, end).map((run) => runRange(map, run).offset)
    i = end
    const blob: TaskBlob = { location: index.location(entry), plainLength: index.plainLength(entry), positions }
    if (blobs.length > 0 && !fits(blobs, blob)) {
      yield toTask(blobs)
      blobs = []
    }
    blobs.push(blob)
  }
  if (blobs.length > 0) yield toTask(blobs)
}

/** The first place after `from` whose run has another blob. */
function endOfEqual(map: DiskMap, runs: readonly number[], from: number): number {
  let end = from + 1
  while (end < runs.length && map.entries[runs[end] ?? 0] === map.entries[runs[from] ?? 0]) end++
  return end
}

function comparePlaces(index: BlobIndex, map: DiskMap, a: number, b: number): number {
  const [first, second] = [map.entries[a] ?? 0, map.entries[b] ?? 0]
  return first === second ? a - b : index.comparePlaces(first, second)
}

function fits(blobs: readonly TaskBlob[], next: TaskBlob): boolean {
  const last = blobs.at(-1)?.location
  if (!last || last.pack !== next.location.pack) return false
  const gap = next.location.offset - (last.offset + last.length)
  if (gap < 0 || gap > maxGap) return false
  return blobs.reduce((sum, blob) => sum + blob.plainLength, next.plainLength) <= taskBytes
}

function toTask(blobs: readonly TaskBlob[]): RestoreTask {
  const first = blobs[0]?.location
  const last = blobs.at(-1)?.location
  if (!first || !last) throw new TypeError('a task without blobs')
  return {
    pack: first.pack,
    offset: first.offset,
    length: last.offset + last.length - first.offset,
    plainLength: blobs.reduce((sum, blob) => sum + blob.plainLength, 0),
    blobs,
  }
}
