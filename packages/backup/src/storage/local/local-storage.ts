import { mkdir, open, opendir, stat, unlink } from 'node:fs/promises'
import path from 'node:path'
import { type AppError, mapOrdered, silentLog, systemClock, type Clock, type Log } from '@nixen/core'
import { fileKinds, folderOf, isFileName, ownKinds, pathOf } from '../layout.ts'
import { storageErrors } from '../storage-errors.ts'
import type { FileId, FileKind, LoadOptions, Storage, StorageOptions, StorageProperties } from '../storage.ts'
import {
  absent,
  isTemporaryName,
  publish,
  removeQuietly,
  syncDirectory,
  temporaryName,
  writeDurably,
} from './durable-file.ts'
import { readDirectly } from './direct-io.ts'
import { codeOf, reopening, storageError } from './system-errors.ts'

export interface LocalStorageOptions {
  readonly clock?: Clock
  readonly log?: Log
}

/** How many `stat` calls run at once while listing. */
const listConcurrency = 16

/**
 * A repository in a directory, also of an NFS or SMB mount, laid out as restic does. A file is written beside its place under a temporary name,
 * made durable, and then linked to its name, which never replaces another file; then the directory is made durable.
 */
export class LocalStorage implements Storage {
  readonly #root: string
  readonly #clock: Clock
  readonly #log: Log
  readonly #knownFolders = new Set<string>()
  #exclusiveCreate = true
  #directoriesSync = true

  constructor(directory: string, { clock = systemClock, log = silentLog }: LocalStorageOptions = {}) {
    this.#root = path.resolve(directory)
    this.#clock = clock
    this.#log = log
  }

  /** `exclusiveCreate` holds until the file system has refused a hard link. */
  get properties(): StorageProperties {
    return { location: this.#root, connections: 4, exclusiveCreate: this.#exclusiveCreate }
  }

  async save(file: FileId, parts: readonly Uint8Array[], { signal }: StorageOptions = {}): Promise<void> {
    const target = this.#pathOf(file)
    signal?.throwIfAborted()
    try {
      await this.#makeFolders(file, path.dirname(target))
      const temporary = temporaryName(target)
      await reopening(() => writeDurably(temporary, parts, signal))
      try {
        const { exclusive } = await publish(temporary, target)
        if (!exclusive) this.#exclusiveCreate = false
      } catch (error) {
        await removeQuietly(temporary)
        throw error
      }
      await this.#sync(path.dirname(target))
    } catch (error) {
      signal?.throwIfAborted()
      if (codeOf(error) === 'ENOENT') throw foldersGone(this.#root, error)
      throw storageError(error, target)
    }
  }

  async load(file: FileId, { offset = 0, length, into, signal }: LoadOptions = {}): Promise<Uint8Array> {
    const target = this.#pathOf(file)
    signal?.throwIfAborted()
    try {
      return await reopening(() => readRange(target, { offset, length, into, signal }))
    } catch (error) {
      signal?.throwIfAborted()
      throw storageError(error, target)
    }
  }

  async stat(file: FileId, { signal }: StorageOptions = {}): Promise<{ size: number } | undefined> {
    const target = this.#pathOf(file)
    signal?.throwIfAborted()
    try {
      const found = await reopening(() => stat(target)).catch(absent)
      return found?.isFile() ? { size: found.size } : undefined
    } catch (error) {
      throw storageError(error, target)
    }
  }

  async *list(kind: FileKind, { signal }: StorageOptions = {}): AsyncGenerator<{ name: string; size: number }> {
    signal?.throwIfAborted()
    if (kind === 'config') {
      const found = await this.stat({ kind, name: '' })
      if (found) yield { name: '', size: found.size }
      return
    }
    const sized = mapOrdered(this.#names(kind), listConcurrency, async (name) => ({
      name,
      found: await this.stat({ kind, name }),
    }))
    for await (const { name, found } of sized) {
      signal?.throwIfAborted()
      // A file that went away meanwhile is not there.
      if (found) yield { name, size: found.size }
    }
  }

  async remove(file: FileId, { signal }: StorageOptions = {}): Promise<void> {
    const target = this.#pathOf(file)
    signal?.throwIfAborted()
    try {
      await unlink(target).catch(absent)
      // A pack that comes back after a power cut is only garbage; an index or snapshot that comes back may name packs that are gone.
      if (file.kind !== 'data') await this.#sync(path.dirname(target)).catch(absent)
    } catch (error) {
      throw storageError(error, target)
    }
  }

  async removeLeftovers({ olderThan, signal }: StorageOptions & { olderThan: number }): Promise<{ removed: number }> {
    let removed = 0
    for (const folder of await this.#folders()) {
      for await (const name of namesIn(folder)) {
        signal?.throwIfAborted()
        const file = path.join(folder, name)
        if (!isTemporaryName(name)) continue
        const found = await stat(file).catch(absent)
        if (!found?.isFile() || this.#clock.now() - found.mtimeMs < olderThan) continue
        try {
          await unlink(file).catch(absent)
        } catch (error) {
          throw storageError(error, file)
        }
        removed++
      }
    }
    return { removed }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held open between calls.
  }

  #pathOf(file: FileId): string {
    return path.join(this.#root, pathOf(file))
  }

  async *#names(kind: FileKind): AsyncGenerator<string> {
    const folder = path.join(this.#root, folderOf(kind))
    try {
      if (kind !== 'data') return yield* filesIn(folder)
      for await (const shard of namesIn(folder))
        if (/^[0-9a-f]{2}$/.test(shard)) yield* filesIn(path.join(folder, shard))
    } catch (error) {
      throw storageError(error, folder)
    }
  }

  async #folders(): Promise<string[]> {
    const folders = [this.#root]
    for (const kind of [...fileKinds, ...ownKinds]) {
      if (kind === 'config') continue
      const folder = path.join(this.#root, folderOf(kind))
      folders.push(folder)
      if (kind !== 'data') continue
      for await (const shard of namesIn(folder)) if (/^[0-9a-f]{2}$/.test(shard)) folders.push(path.join(folder, shard))
    }
    return folders
  }

  /**
   * Only the first files of a repository make its folders. Everything else needs them to be there, so that a share that was unmounted fails
   * and does not fill the empty mount point.
   */
  async #makeFolders(file: FileId, folder: string): Promise<void> {
    if (this.#knownFolders.has(folder)) return
    if (file.kind === 'config' || file.kind === 'key') {
      for (const kind of fileKinds) await this.#makeFolder(path.join(this.#root, folderOf(kind)))
    }
    const above = path.dirname(folder)
    // What is there in any repository that is mounted.
    const sign = file.kind === 'data' ? above : ownKinds.includes(file.kind) ? path.join(above, 'snapshots') : undefined
    if (sign !== undefined && (await stat(sign).catch(absent))) await this.#makeFolder(folder)
    else if (!(await stat(folder).catch(absent))) {
      throw foldersGone(this.#root)
    }
    this.#knownFolders.add(folder)
  }

  /** With those above it. Node's own recursive `mkdir` calls a read-only file system "not found". */
  async #makeFolder(folder: string): Promise<void> {
    try {
      await mkdir(folder, { mode: 0o700 })
    } catch (error) {
      const code = codeOf(error)
      if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return
      if (code !== 'ENOENT' || path.dirname(folder) === folder) throw error
      await this.#makeFolder(path.dirname(folder))
      await mkdir(folder, { mode: 0o700 })
    }
    await this.#sync(path.dirname(folder))
  }

  async #sync(folder: string): Promise<void> {
    if (!this.#directoriesSync) return
    if ((await reopening(() => syncDirectory(folder))) === 'done') return
    this.#directoriesSync = false
    this.#log.warn('The file system does not make directories durable; a power cut may lose the newest names.', {
      location: this.#root,
    })
  }
}

function foldersGone(where: string, cause?: unknown): AppError {
  const reason = 'the folders of the repository are gone: is it still mounted?'
  return storageErrors.failed({ where, reason }, { cause })
}

interface ReadRange {
  readonly offset: number
  readonly length: number | undefined
  readonly into: Uint8Array | undefined
  readonly signal: AbortSignal | undefined
}

async function readRange(file: string, { offset, length, into, signal }: ReadRange): Promise<Uint8Array> {
  const handle = await open(file, 'r')
  try {
    const wanted = length ?? Math.max(0, (await handle.stat()).size - offset)
    const direct = into && (await readDirectly(file, into, { offset, length: wanted }))
    if (direct) return direct
    // Not from the pool of small buffers, so that it can be handed to a worker without a copy.
    const bytes = into && into.length >= wanted ? into.subarray(0, wanted) : Buffer.allocUnsafeSlow(wanted)
    const received = await readFully(handle, { bytes, offset, signal })
    if (received < wanted)
      throw storageErrors.truncated({ where: file, expected: offset + wanted, received: offset + received })
    return bytes
  } finally {
    await handle.close()
  }
}

async function readFully(
  handle: Awaited<ReturnType<typeof open>>,
  { bytes, offset, signal }: { bytes: Uint8Array; offset: number; signal: AbortSignal | undefined },
): Promise<number> {
  let done = 0
  while (done < bytes.length) {
    signal?.throwIfAborted()
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, offset + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

async function* filesIn(folder: string): AsyncGenerator<string> {
  for await (const name of namesIn(folder)) if (isFileName(name)) yield name
}

async function* namesIn(folder: string): AsyncGenerator<string> {
  let directory
  try {
    directory = await opendir(folder, { bufferSize: 256 })
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  for await (const entry of directory) yield entry.name
}
