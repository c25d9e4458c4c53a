import type { BlobIndex } from '../index/blob-index.ts'
import type { PackedBlob } from '../pack/blob.ts'

/** The entries of an index by their pack: two numbers a blob, sorted by counting. */
export class PackGroups {
  readonly #index: BlobIndex
  /** Where the entries of each pack begin in `#entries`; one more at the end. */
  readonly #starts: Uint32Array
  readonly #entries: Uint32Array

  constructor(index: BlobIndex) {
    this.#index = index
    const starts = new Uint32Array(index.packs.length + 1)
    for (let entry = 0; entry < index.size; entry++) {
      const next = index.packNumber(entry) + 1
      starts[next] = (starts[next] ?? 0) + 1
    }
    for (let i = 1; i < starts.length; i++) starts[i] = (starts[i] ?? 0) + (starts[i - 1] ?? 0)
    const at = starts.slice()
    this.#entries = new Uint32Array(index.size)
    for (let entry = 0; entry < index.size; entry++) {
      const pack = index.packNumber(entry)
      const slot = at[pack] ?? 0
      this.#entries[slot] = entry
      at[pack] = slot + 1
    }
    this.#starts = starts
  }

  /** Numbers of the entries of a pack. */
  entries(pack: number): Uint32Array {
    return this.#entries.subarray(this.#starts[pack], this.#starts[pack + 1])
  }

  /** Blobs that the index names in a pack, by their offset. */
  blobs(pack: number): PackedBlob[] {
    const blobs: PackedBlob[] = []
    for (const entry of this.entries(pack)) {
      const { type, id, offset, length, uncompressedLength } = this.#index.location(entry)
      blobs.push({ type, id, offset, length, ...(uncompressedLength !== undefined && { uncompressedLength }) })
    }
    return blobs.sort((a, b) => a.offset - b.offset)
  }
}
