import type { Repository } from '../repository/repository.ts'

/** Decoded blobs, least recently used first; a blob that is asked for twice at the same time is read once. */
export class BlobCache {
  readonly #repository: Repository
  readonly #limit: number
  readonly #blobs = new Map<number, Promise<Uint8Array>>()
  readonly #sizes = new Map<number, number>()
  #bytes = 0

  /** @param limit bytes that are kept */
  constructor(repository: Repository, limit: number) {
    this.#repository = repository
    this.#limit = limit
  }

  has(entry: number): boolean {
    return this.#blobs.has(entry)
  }

  /** Content of the blob of an index entry. Errors: `backup.blob_damaged`, storage's. */
  async get(entry: number): Promise<Uint8Array> {
    const known = this.#blobs.get(entry)
    if (known) {
      // The newest is the last.
      this.#blobs.delete(entry)
      this.#blobs.set(entry, known)
      return known
    }
    const { id } = this.#repository.index.location(entry)
    const loading = this.#repository.loadBlob('data', id)
    this.#blobs.set(entry, loading)
    try {
      const content = await loading
      this.#sizes.set(entry, content.length)
      this.#bytes += content.length
      this.#evict()
      return content
    } catch (error) {
      this.#blobs.delete(entry)
      throw error
    }
  }

  #evict(): void {
    for (const entry of this.#blobs.keys()) {
      if (this.#bytes <= this.#limit) return
      const size = this.#sizes.get(entry)
      // Still loading.
      if (size === undefined) continue
      this.#bytes -= size
      this.#sizes.delete(entry)
      this.#blobs.delete(entry)
    }
  }
}
