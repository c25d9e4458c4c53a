import type { BlobIndex } from '../index/blob-index.ts'
import type { ContentList } from '../tree/content-list.ts'
import { chunkLength, zeroBlobId, zeroBlobLength, type ChunkGrid } from './chunk-grid.ts'
import { unknownSlot, zeroParent } from './plan-chunks.ts'

/**
 * The slots of a disk of an earlier restore point, for a list of changes. A blob that no index names any more is `unknownSlot`, and so are chunks
 * beyond its end; a content list on another grid (made by restic, or of another size class) gives the reason why it can't be used.
 */
export function parentSlots(
  index: BlobIndex,
  { content, size }: { content: ContentList; size: number },
  grid: ChunkGrid,
): { slots: Int32Array } | { reason: string } {
  if (size > grid.diskSize) return { reason: 'the disk was larger then' }
  const old: ChunkGrid = { ...grid, diskSize: size, count: Math.ceil(size / grid.chunkSize) }
  const slots = new Int32Array(grid.count).fill(unknownSlot)
  const zero = Buffer.from(zeroBlobId, 'hex')
  let offset = 0
  for (const { id, count } of content.runs()) {
    if (zero.equals(id)) {
      offset = markZeros(slots, { offset, length: count * zeroBlobLength }, grid.chunkSize)
      continue
    }
    const entry = index.find('data', id)
    for (let i = 0; i < count; i++) {
      if (offset % grid.chunkSize !== 0) return { reason: 'its chunks lie on another grid' }
      const chunk = offset / grid.chunkSize
      const length = chunkLength(old, chunk)
      if (entry >= 0 && index.plainLength(entry) !== length) return { reason: 'its chunks lie on another grid' }
      // A last chunk that was shorter than it is now is read again.
      slots[chunk] = entry >= 0 && index.isPlaced(entry) && length === chunkLength(grid, chunk) ? entry : unknownSlot
      offset += length
    }
  }
  return offset === size ? { slots } : { reason: 'its content is not as long as the disk' }
}

/** Chunks that lie wholly in a range of zeros; returns the end of the range. */
function markZeros(slots: Int32Array, range: { offset: number; length: number }, chunkSize: number): number {
  const end = range.offset + range.length
  for (let chunk = Math.ceil(range.offset / chunkSize); (chunk + 1) * chunkSize <= end; chunk++)
    slots[chunk] = zeroParent
  return end
}
