import type { FileId, FileKind, LoadOptions, Storage, StorageOptions, StorageProperties } from '@nixen/backup'
import { MemoryStorage } from '@nixen/backup'
import { concatBytes, type Random } from '@nixen/core'

/** One change of a storage, and when it began and ended: numbers of events, not times. */
export interface RecordedChange {
  readonly file: FileId
  /** What was saved; `undefined` for a removal. */
  readonly bytes: Uint8Array | undefined
  readonly start: number
  readonly end: number
}

/** Passes calls on and writes down every change, so that each state a crash could have left can be made again. */
export class RecordingStorage implements Storage {
  readonly changes: RecordedChange[] = []
  readonly #inner: Storage
  #events = 0

  constructor(inner: Storage) {
    this.#inner = inner
  }

  get properties(): StorageProperties {
    return this.#inner.properties
  }

  async save(file: FileId, parts: readonly Uint8Array[], options?: StorageOptions): Promise<void> {
    const bytes = concatBytes(parts)
    const start = this.#events++
    await this.#inner.save(file, parts, options)
    this.changes.push({ file, bytes, start, end: this.#events++ })
  }

  load(file: FileId, options?: LoadOptions): Promise<Uint8Array> {
    return this.#inner.load(file, options)
  }

  stat(file: FileId, options?: StorageOptions): Promise<{ size: number } | undefined> {
    return this.#inner.stat(file, options)
  }

  list(kind: FileKind, options?: StorageOptions): AsyncIterable<{ name: string; size: number }> {
    return this.#inner.list(kind, options)
  }

  async remove(file: FileId, options?: StorageOptions): Promise<void> {
    const start = this.#events++
    await this.#inner.remove(file, options)
    this.changes.push({ file, bytes: undefined, start, end: this.#events++ })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]()
  }
}

/** A copy of a storage in memory. */
export async function snapshotOf(storage: Storage): Promise<MemoryStorage> {
  const copy = new MemoryStorage()
  for (const kind of ['config', 'key', 'lock', 'snapshot', 'index', 'data'] as const) {
    for await (const { name } of storage.list(kind))
      await copy.save({ kind, name }, [await storage.load({ kind, name })])
  }
  return copy
}

/**
 * The states that a crash could have left behind, in order: after each change, with any of the changes that had begun and not ended, and with
 * any of the removals of packs undone (a storage need not make those durable).
 */
export async function* crashStates(
  before: MemoryStorage,
  changes: readonly RecordedChange[],
  random: Random,
): AsyncGenerator<{ storage: MemoryStorage; after: string }> {
  const moments = [...new Set(changes.map(({ end }) => end))].sort((a, b) => a - b)
  for (const moment of [-1, ...moments]) {
    const storage = new MemoryStorage()
    for (const [key, value] of before.files) storage.files.set(key, value)
    let after = 'the beginning'
    for (const { file, bytes, start, end } of changes) {
      const done = end <= moment
      if (end === moment) after = `${bytes ? 'save' : 'remove'} ${file.kind} ${file.name.slice(0, 8)}`
      if (!done && !(start < moment && random() < 0.5)) continue
      if (bytes) await storage.save(file, [bytes]).catch(() => undefined)
      else if (file.kind !== 'data' || random() < 0.8) await storage.remove(file)
    }
    yield { storage, after }
  }
}
