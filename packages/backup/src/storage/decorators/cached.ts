import { createHash, timingSafeEqual } from 'node:crypto'
import { mkdir, readdir, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { GiB, isAppError, silentLog, type Log } from '@nixen/core'
import { folderOf } from '../layout.ts'
import type { FileId, FileKind, LoadOptions, Storage, StorageOptions } from '../storage.ts'
import { ForwardingStorage } from './forwarding.ts'

export interface CacheOptions {
  /** Folder for the cached files; one per repository, so its name should have the repository's id in it. */
  readonly directory: string
  /** Bytes that are kept at the most; 2 GiB when left out. The files unused for longest go first. */
  readonly limit?: number
  readonly log?: Log
}

/** Bytes of the checksum at the end of each cached file. */
const checksumLength = 32

/**
 * Keeps metadata in a local directory: whole index and snapshot files, and the ranges of packs that are asked for with `cache: 'keep'`. It only
 * repeats what the repository says: files are filled in by reading, never by writing, lists always come from the store, and what a list no longer
 * has is dropped. A cached file that is damaged is read again. Failures of the cache itself are logged and never fail a call.
 */
export class CachedStorage extends ForwardingStorage {
  readonly #directory: string
  readonly #limit: number
  readonly #log: Log

  constructor(inner: Storage, { directory, limit = 2 * GiB, log = silentLog }: CacheOptions) {
    super(inner)
    this.#directory = directory
    this.#limit = limit
    this.#log = log
  }

  override async load(file: FileId, options: LoadOptions = {}): Promise<Uint8Array> {
    const entry = this.#entryOf(file, options)
    if (!entry) return this.inner.load(file, options)
    options.signal?.throwIfAborted()
    const kept = await this.#read(entry)
    if (kept) return kept
    const bytes = await this.inner.load(file, options)
    await this.#keep(entry, bytes)
    return bytes
  }

  override async *list(kind: FileKind, options?: StorageOptions): AsyncGenerator<{ name: string; size: number }> {
    const names = new Set<string>()
    for await (const found of this.inner.list(kind, options)) {
      names.add(found.name)
      yield found
    }
    if (kind === 'index' || kind === 'snapshot' || kind === 'data') await this.#dropAllBut(kind, names)
  }

  override async remove(file: FileId, options?: StorageOptions): Promise<void> {
    await this.inner.remove(file, options)
    const entry = this.#entryOf(file, {})
    if (entry) await unlink(entry).catch(() => undefined)
  }

  /** Removes the files unused for longest until the rest fits into the limit. */
  async trim(): Promise<void> {
    const files: { entry: string; size: number; used: number }[] = []
    for (const kind of ['index', 'snapshot', 'data'] as const) {
      for (const name of await this.#namesOf(kind)) {
        const entry = path.join(this.#directory, folderOf(kind), name)
        const found = await stat(entry).catch(() => undefined)
        if (found) files.push({ entry, size: found.size, used: found.mtimeMs })
      }
    }
    let total = files.reduce((sum, { size }) => sum + size, 0)
    files.sort((a, b) => a.used - b.used)
    for (const { entry, size } of files) {
      if (total <= this.#limit) return
      await unlink(entry).catch(() => undefined)
      total -= size
    }
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.trim()
    await super[Symbol.asyncDispose]()
  }

  #entryOf(file: FileId, { offset = 0, length, cache }: LoadOptions): string | undefined {
    if (cache === 'bypass') return undefined
    const folder = path.join(this.#directory, folderOf(file.kind))
    if ((file.kind === 'index' || file.kind === 'snapshot') && offset === 0 && length === undefined) {
      return path.join(folder, file.name)
    }
    if (file.kind === 'data' && cache === 'keep' && length !== undefined) {
      return path.join(folder, `${file.name}-${offset}-${length}`)
    }
    return undefined
  }

  async #read(entry: string): Promise<Uint8Array | undefined> {
    let stored: Buffer
    try {
      stored = await readFile(entry)
    } catch {
      return undefined
    }
    const content = stored.subarray(0, -checksumLength)
    const checksum = stored.subarray(-checksumLength)
    if (checksum.length !== checksumLength || !timingSafeEqual(checksum, checksumOf(content))) {
      this.#log.warn('A cached file is damaged and will be read again.', { entry })
      await unlink(entry).catch(() => undefined)
      return undefined
    }
    const now = new Date()
    await utimes(entry, now, now).catch(() => undefined)
    // A copy of its own: callers hand it to workers.
    return new Uint8Array(content)
  }

  async #keep(entry: string, bytes: Uint8Array): Promise<void> {
    const temporary = `${entry}-tmp-${crypto.randomUUID()}`
    try {
      await mkdir(path.dirname(entry), { recursive: true, mode: 0o700 })
      // Not made durable: a cached file that a power cut mangles fails its checksum.
      await writeFile(temporary, [bytes, checksumOf(bytes)], { mode: 0o600, flag: 'wx' })
      await rename(temporary, entry)
    } catch (error) {
      this.#log.warn('A file could not be cached.', { entry, reason: isAppError(error) ? error.code : String(error) })
      await unlink(temporary).catch(() => undefined)
    }
  }

  async #dropAllBut(kind: FileKind, names: ReadonlySet<string>): Promise<void> {
    for (const name of await this.#namesOf(kind)) {
      if (!names.has(name.slice(0, 64)))
        await unlink(path.join(this.#directory, folderOf(kind), name)).catch(() => undefined)
    }
  }

  #namesOf(kind: FileKind): Promise<string[]> {
    return readdir(path.join(this.#directory, folderOf(kind))).catch(() => [])
  }
}

function checksumOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}
