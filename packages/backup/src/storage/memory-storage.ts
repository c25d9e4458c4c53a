import { concatBytes } from '@nixen/core'
import { pathOf } from './layout.ts'
import { storageErrors } from './storage-errors.ts'
import type { FileId, FileKind, LoadOptions, Storage, StorageOptions, StorageProperties } from './storage.ts'

/** A repository in memory: for tests, and for looking at what an operation would write. */
export class MemoryStorage implements Storage {
  readonly properties: StorageProperties = { location: 'memory', connections: 8, exclusiveCreate: true }
  /** By path in the repository, as `data/ab/ab01…`. Tests may change it. */
  readonly files: Map<string, { readonly file: FileId; readonly bytes: Uint8Array }> = new Map()

  async save(file: FileId, parts: readonly Uint8Array[], { signal }: StorageOptions = {}): Promise<void> {
    const where = pathOf(file)
    signal?.throwIfAborted()
    if (this.files.has(where)) throw storageErrors.exists({ where })
    this.files.set(where, { file, bytes: concatBytes(parts) })
  }

  async load(file: FileId, { offset = 0, length, signal }: LoadOptions = {}): Promise<Uint8Array> {
    const where = pathOf(file)
    signal?.throwIfAborted()
    const found = this.files.get(where)
    if (!found) throw storageErrors.not_found({ where })
    const bytes = found.bytes.slice(offset, length === undefined ? undefined : offset + length)
    const wanted = length ?? bytes.length
    if (bytes.length < wanted) {
      throw storageErrors.truncated({ where, expected: offset + wanted, received: found.bytes.length })
    }
    return bytes
  }

  async stat(file: FileId, { signal }: StorageOptions = {}): Promise<{ size: number } | undefined> {
    signal?.throwIfAborted()
    const found = this.files.get(pathOf(file))
    return found && { size: found.bytes.length }
  }

  async *list(kind: FileKind, { signal }: StorageOptions = {}): AsyncGenerator<{ name: string; size: number }> {
    for (const { file, bytes } of this.files.values()) {
      signal?.throwIfAborted()
      if (file.kind === kind) yield { name: file.name, size: bytes.length }
    }
  }

  async remove(file: FileId, { signal }: StorageOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    this.files.delete(pathOf(file))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Kept, so that a test can open it again.
  }
}
