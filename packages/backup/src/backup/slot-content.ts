import type { BlobIndex } from '../index/blob-index.ts'
import type { BlobRuns } from '../tree/content-list.ts'
import { chunkLength, zeroBlobId, zeroBlobLength, zeroSlot, type ChunkGrid } from './chunk-grid.ts'

/** The content list of a disk, made from its slots while it is written: 4 bytes a chunk instead of 36. */
export class SlotContent implements BlobRuns {
  readonly length: number
  readonly #index: BlobIndex
  readonly #grid: ChunkGrid
  readonly #slots: Uint32Array

  constructor(index: BlobIndex, grid: ChunkGrid, slots: Uint32Array) {
    this.#index = index
    this.#grid = grid
    this.#slots = slots
    let length = 0
    for (let chunk = 0; chunk < grid.count; chunk++) length += this.#repeats(chunk)
    this.length = length
  }

  /** Whether any chunk is zero, so that the zero blob must be stored. */
  get usesZeroBlob(): boolean {
    return this.#slots.includes(zeroSlot)
  }

  *runs(): Generator<{ id: Uint8Array; count: number }> {
    const zero = Buffer.from(zeroBlobId, 'hex')
    let zeros = 0
    for (let chunk = 0; chunk < this.#grid.count; chunk++) {
      const slot = this.#slots[chunk] ?? zeroSlot
      if (slot === zeroSlot) {
        zeros += this.#repeats(chunk)
        continue
      }
      if (zeros > 0) yield { id: zero, count: zeros }
      zeros = 0
      yield { id: this.#index.idOf(slot), count: 1 }
    }
    if (zeros > 0) yield { id: zero, count: zeros }
  }

  #repeats(chunk: number): number {
    return this.#slots[chunk] === zeroSlot ? chunkLength(this.#grid, chunk) / zeroBlobLength : 1
  }
}
