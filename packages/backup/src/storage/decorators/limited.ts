import { Semaphore } from '@nixen/core'
import type { FileId, LoadOptions, Storage, StorageOptions } from '../storage.ts'
import { ForwardingStorage } from './forwarding.ts'

/** At most `connections` calls at once; the others wait. Lists are not counted, so that a file may be loaded while listing. */
export class LimitedStorage extends ForwardingStorage {
  readonly #places: Semaphore

  constructor(inner: Storage, connections: number) {
    super(inner)
    this.#places = new Semaphore(connections)
  }

  override save(file: FileId, parts: readonly Uint8Array[], options: StorageOptions = {}): Promise<void> {
    return this.#places.run(() => this.inner.save(file, parts, options), options)
  }

  override load(file: FileId, options: LoadOptions = {}): Promise<Uint8Array> {
    return this.#places.run(() => this.inner.load(file, options), options)
  }

  override stat(file: FileId, options: StorageOptions = {}): Promise<{ size: number } | undefined> {
    return this.#places.run(() => this.inner.stat(file, options), options)
  }

  override remove(file: FileId, options: StorageOptions = {}): Promise<void> {
    return this.#places.run(() => this.inner.remove(file, options), options)
  }
}
