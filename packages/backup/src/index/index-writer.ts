import type { PackEntry } from '../pack/blob.ts'
import { encodeIndex, maxIndexedBlobs } from './index-file.ts'

/** Saves one index document, which names `packs`, and resolves with its name when it is durable. */
export type SaveIndex = (document: Uint8Array, packs: readonly PackEntry[]) => Promise<string>

/**
 * Collects packs that are durable, and saves index files that name them. Whoever adds a pack that is not durable breaks the repository: the
 * order is packs, index, snapshot.
 */
export class IndexWriter {
  readonly #save: SaveIndex
  readonly #saved: string[] = []
  #packs: PackEntry[] = []
  #blobs = 0
  #flushing: Promise<void> = Promise.resolve()

  constructor(save: SaveIndex) {
    this.#save = save
  }

  /** Names of the index files saved so far. */
  get saved(): readonly string[] {
    return this.#saved
  }

  /** Blobs that no saved index file names yet. */
  get pending(): number {
    return this.#blobs
  }

  /** Adds a durable pack; saves an index file when one is full. */
  async add(pack: PackEntry): Promise<void> {
    this.#packs.push(pack)
    this.#blobs += pack.blobs.length
    if (this.#blobs >= maxIndexedBlobs) await this.flush()
  }

  /** Saves what is left. Every pack that was added is then named by a durable index file. */
  async flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#flushNow())
    await this.#flushing
  }

  async #flushNow(): Promise<void> {
    if (this.#packs.length === 0) return
    const packs = this.#packs
    this.#packs = []
    this.#blobs = 0
    this.#saved.push(await this.#save(encodeIndex(packs), packs))
  }
}
