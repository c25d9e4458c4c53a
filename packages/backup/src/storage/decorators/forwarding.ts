import type { FileId, FileKind, LoadOptions, Storage, StorageOptions, StorageProperties } from '../storage.ts'

/** Passes every call on: the decorators change the calls they are about. Disposing of a decorator disposes of what it wraps. */
export class ForwardingStorage implements Storage {
  protected readonly inner: Storage

  constructor(inner: Storage) {
    this.inner = inner
  }

  get properties(): StorageProperties {
    return this.inner.properties
  }

  save(file: FileId, parts: readonly Uint8Array[], options?: StorageOptions): Promise<void> {
    return this.inner.save(file, parts, options)
  }

  load(file: FileId, options?: LoadOptions): Promise<Uint8Array> {
    return this.inner.load(file, options)
  }

  stat(file: FileId, options?: StorageOptions): Promise<{ size: number } | undefined> {
    return this.inner.stat(file, options)
  }

  list(kind: FileKind, options?: StorageOptions): AsyncIterable<{ name: string; size: number }> {
    return this.inner.list(kind, options)
  }

  remove(file: FileId, options?: StorageOptions): Promise<void> {
    return this.inner.remove(file, options)
  }

  async removeLeftovers(options: StorageOptions & { olderThan: number }): Promise<{ removed: number }> {
    return (await this.inner.removeLeftovers?.(options)) ?? { removed: 0 }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.inner[Symbol.asyncDispose]()
  }
}
