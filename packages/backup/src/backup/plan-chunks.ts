import type { Extent } from '@nixen/disk'
import { chunkLength, isZeroable, zeroSlot, type ChunkGrid } from './chunk-grid.ts'

/** What a backup of one disk has to do. Slots are shared memory, filled in by worker threads. */
export interface ChunkPlan {
  readonly grid: ChunkGrid
  /** Chunks to read, ascending. */
  readonly read: Uint32Array<SharedArrayBuffer>
  /** Per chunk its entry in the index or `zeroSlot`; those of `read` are not known yet. */
  readonly slots: Uint32Array<SharedArrayBuffer>
}

/** Per chunk: nothing said, read it. */
const wanted = 1

/**
 * The plan for a disk. Without `parent`, the extents cover the disk, and chunks without data are zeros. With `parent` (the slots of an earlier restore
 * point on this grid), the extents are what may have changed since; everything else keeps the parent's blobs. Parent slots of -1 are unknown and
 * read again.
 */
export async function planChunks(
  grid: ChunkGrid,
  extents: AsyncIterable<Extent> | Iterable<Extent>,
  parent?: Int32Array,
): Promise<ChunkPlan> {
  const slots = new Uint32Array(new SharedArrayBuffer(grid.count * 4))
  const marks = new Uint8Array(grid.count)
  // Bytes of each chunk that are said to be zero.
  const zeros = new Uint32Array(grid.count)
  const end = grid.count * grid.chunkSize
  for await (const { offset, length, kind } of extents) {
    const until = Math.min(offset + length, end)
    for (let at = offset; at < until;) {
      const chunk = Math.floor(at / grid.chunkSize)
      const next = Math.min((chunk + 1) * grid.chunkSize, until)
      if (kind === 'data') marks[chunk] = wanted
      else zeros[chunk] = (zeros[chunk] ?? 0) + next - at
      at = next
    }
  }
  let count = 0
  for (let chunk = 0; chunk < grid.count; chunk++) {
    const length = chunkLength(grid, chunk)
    const slot = slotWithoutReading(
      { marked: marks[chunk] === wanted, zeros: zeros[chunk] ?? 0, length },
      parent?.[chunk],
    )
    marks[chunk] = slot === undefined ? wanted : 0
    if (slot === undefined) count++
    else slots[chunk] = slot
  }
  const read = new Uint32Array(new SharedArrayBuffer(count * 4))
  let at = 0
  for (let chunk = 0; chunk < grid.count; chunk++) if (marks[chunk] === wanted) read[at++] = chunk
  return { grid, read, slots }
}

function slotWithoutReading(
  { marked, zeros, length }: { marked: boolean; zeros: number; length: number },
  parent: number | undefined,
): number | undefined {
  if (marked) return undefined
  if (zeros >= length && isZeroable(length)) return zeroSlot
  if (zeros > 0 || parent === undefined || parent === unknownSlot) return undefined
  return parent === zeroParent ? zeroSlot : parent
}

/** A parent's chunk whose blob is not known: it is read again. */
export const unknownSlot = -1
/** A parent's chunk of zeros. */
export const zeroParent = -2
