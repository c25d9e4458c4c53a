import type { Stats } from 'node:fs'
import { constants, link, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { isAppError, systemCode } from '@nixen/core'
import { isDirectable } from './aligned.ts'
import { diskErrors } from './errors.ts'
import type { DiskFile, NewFile } from './file.ts'
import { holeFinder, type HoleFinder } from './seek.ts'

export interface LocalFileOptions {
  /** Moves large aligned buffers past the page cache; on unless this is `false`. Storage that refuses it is used without. */
  readonly direct?: boolean | undefined
}

/** Milliseconds without a write after which an unfinished file belongs to nobody: a day. */
const abandonedAfter = 86_400_000

// Linux moves at most 2 GiB - 4 KiB in one call.
const largestTransfer = 1 << 30

/** Opens an image file of this machine for reading; `disk.not_found`, `disk.io`. Block devices are files too. */
export async function openLocalFile(path: string, options: LocalFileOptions = {}): Promise<DiskFile> {
  return await LocalFile.open(path, constants.O_RDONLY, options)
}

/** Opens an existing image file for reading and writing in place. */
export async function openLocalFileForWriting(path: string, options: LocalFileOptions = {}): Promise<DiskFile> {
  return await LocalFile.open(path, constants.O_RDWR, options)
}

/**
 * Starts a file that gets its name, `path`, on `commit`: until then it is a hidden file in the same directory, which disposing
 * removes. `disk.exists` when something has the name and `replace` is not given.
 */
export async function createLocalFile(
  path: string,
  { replace = false, ...options }: LocalFileOptions & { readonly replace?: boolean | undefined } = {},
): Promise<NewFile> {
  // A rename would put the file in the place of the device, which then is no device any more.
  await refuseOther(path, { device: false })
  if (!replace && (await exists(path))) throw diskErrors.exists({ path })
  await removeAbandoned(path)
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.partial`)
  const file = await LocalFile.open(temporary, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, options)
  return new NewLocalFile(file, { path, temporary, replace })
}

/** Removes what a killed run left of `path`; a run that is alive touches its file all the time. */
async function removeAbandoned(path: string): Promise<void> {
  const prefix = `.${basename(path)}.`
  const names = await readdir(dirname(path)).catch((error: unknown) => {
    throw ioError(dirname(path), 'looking for abandoned files', error)
  })
  for (const name of names) {
    if (!name.startsWith(prefix) || !/^[0-9a-f]{12}\.partial$/.test(name.slice(prefix.length))) continue
    const file = join(dirname(path), name)
    const age = await stat(file).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    if (age > abandonedAfter) await rm(file, { force: true })
  }
}

/** Refuses what exists and is neither a file nor, with `device`, a block device. */
async function refuseOther(path: string, { device }: { device: boolean }): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw ioError(path, 'opening', error)
  })
  if (!found || found.isFile() || (device && found.isBlockDevice())) return
  throw diskErrors.not_a_file({ path, kind: kindOf(found) })
}

function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'a directory'
  if (found.isFIFO()) return 'a FIFO'
  if (found.isSocket()) return 'a socket'
  return found.isBlockDevice() ? 'a block device' : 'a character device'
}

async function exists(path: string): Promise<boolean> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error) => {
    if (systemCode(error) === 'ENOENT') return undefined
    // There is something, though it can't be opened.
    return null
  })
  await file?.close()
  return file !== undefined
}

class LocalFile implements DiskFile {
  readonly path: string
  readonly #handle: FileHandle
  #direct: FileHandle | undefined
  #holes: HoleFinder | undefined
  #holesOf = -1

  private constructor(path: string, handle: FileHandle, direct: FileHandle | undefined) {
    this.path = path
    this.#handle = handle
    this.#direct = direct
  }

  static async open(path: string, flags: number, options: LocalFileOptions): Promise<LocalFile> {
    // Looked at before it is opened: opening a FIFO waits for whoever writes to it.
    await refuseOther(path, { device: true })
    const handle = await open(path, flags, 0o600).catch((error: unknown) => {
      throw ioError(path, 'opening', error)
    })
    const kind = await handle.stat()
    if (!kind.isFile() && !kind.isBlockDevice()) {
      await handle.close()
      throw diskErrors.not_a_file({ path, kind: kindOf(kind) })
    }
    // tmpfs and some network file systems refuse direct I/O.
    const again = flags & constants.O_RDWR ? constants.O_RDWR : constants.O_RDONLY
    const direct =
      options.direct === false || !constants.O_DIRECT
        ? undefined
        : await open(path, again | constants.O_DIRECT).catch(() => undefined)
    return new LocalFile(path, handle, direct)
  }

  async size(): Promise<number> {
    const kind = await this.#handle.stat()
    if (kind.isFile()) return kind.size
    return await deviceSize(this.#handle)
  }

  async read(offset: number, into: Uint8Array, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    signal?.throwIfAborted()
    for (let done = 0; done < into.length;) {
      const rest = into.subarray(done, done + largestTransfer)
      const count = await this.#readSome(offset + done, rest)
      if (count === 0)
        throw diskErrors.truncated({ path: this.path, expected: offset + into.length, received: offset + done })
      done += count
    }
  }

  async #readSome(offset: number, into: Uint8Array): Promise<number> {
    try {
      if (this.#direct && isDirectable(into, offset)) {
        const result = await this.#direct.read(into, 0, into.length, offset).catch((error: unknown) => {
          if (systemCode(error) !== 'EINVAL') throw error
          return undefined
        })
        if (result) return result.bytesRead
        await this.#stopDirect()
      }
      return (await this.#handle.read(into, 0, into.length, offset)).bytesRead
    } catch (error) {
      throw ioError(this.path, `reading ${into.length} bytes at ${offset}`, error)
    }
  }

  async write(offset: number, ...parts: readonly Uint8Array[]): Promise<void> {
    let position = offset
    let direct = this.#direct !== undefined
    for (const part of parts) {
      direct &&= isDirectable(part, position)
      position += part.length
    }
    const length = position - offset
    try {
      if (direct && (await this.#writeDirect(offset, parts, length))) return
      await writeAll(this.#handle, offset, parts)
    } catch (error) {
      throw ioError(this.path, `writing ${length} bytes at ${offset}`, error)
    }
  }

  /** `false` when the storage refuses direct I/O, and nothing was written. */
  async #writeDirect(offset: number, parts: readonly Uint8Array[], length: number): Promise<boolean> {
    // It may have been closed since, by a refusal elsewhere.
    if (!this.#direct) return false
    try {
      const { bytesWritten } = await this.#direct.writev([...parts], offset)
      if (bytesWritten < length) await writeAll(this.#handle, offset, parts)
      return true
    } catch (error) {
      if (systemCode(error) !== 'EINVAL') throw error
      await this.#stopDirect()
      return false
    }
  }

  async #stopDirect(): Promise<void> {
    const handle = this.#direct
    this.#direct = undefined
    await handle?.close()
  }

  async truncate(size: number): Promise<void> {
    await this.#handle.truncate(size).catch((error: unknown) => {
      throw ioError(this.path, `setting its length to ${size}`, error)
    })
  }

  async sync(): Promise<void> {
    await this.#handle.sync().catch((error: unknown) => {
      throw ioError(this.path, 'making it durable', error)
    })
  }

  async allocated(): Promise<number | undefined> {
    const { blocks } = await this.#handle.stat()
    // stat counts in 512 bytes whatever the file system's block size is.
    return blocks * 512
  }

  async nextData(offset: number, limit: number): Promise<{ offset: number; length: number } | undefined> {
    const size = await this.size()
    if (offset >= size) return undefined
    if (this.#holesOf !== size) {
      this.#holes = holeFinder(this.#handle.fd, size)
      this.#holesOf = size
    }
    if (!this.#holes) {
      // Without SEEK_HOLE: a file that takes no blocks is one hole, any other may have data everywhere.
      const { blocks } = await this.#handle.stat()
      return blocks === 0 ? undefined : { offset, length: Math.min(limit, size - offset) }
    }
    const start = this.#holes.dataAt(this.#handle.fd, offset)
    if (start === undefined || start >= size) return undefined
    const end = this.#holes.holeAt(this.#handle.fd, start)
    return { offset: start, length: Math.min(end, size, start + limit) - start }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const direct = this.#direct
    this.#direct = undefined
    await direct?.close()
    await this.#handle.close()
  }
}

async function writeAll(handle: FileHandle, offset: number, parts: readonly Uint8Array[]): Promise<void> {
  let position = offset
  for (const part of parts) {
    for (let done = 0; done < part.length;) {
      const length = Math.min(part.length - done, largestTransfer)
      done += (await handle.write(part, done, length, position + done)).bytesWritten
    }
    position += part.length
  }
}

/** Bytes of a block device: stat says 0, so the end is searched by reading single bytes, in some sixty tries. */
async function deviceSize(handle: FileHandle): Promise<number> {
  const byte = new Uint8Array(1)
  const readable = async (offset: number): Promise<boolean> => (await handle.read(byte, 0, 1, offset)).bytesRead === 1
  let low = 0
  let high = 2 ** 52
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2)
    if (await readable(middle)) low = middle + 1
    else high = middle
  }
  return low
}

/** A file under a hidden name until it is complete. */
class NewLocalFile implements NewFile {
  readonly path: string
  readonly #file: LocalFile
  readonly #temporary: string
  readonly #replace: boolean
  #open = true

  constructor(file: LocalFile, names: { path: string; temporary: string; replace: boolean }) {
    this.#file = file
    this.path = names.path
    this.#temporary = names.temporary
    this.#replace = names.replace
  }

  size = (): Promise<number> => this.#file.size()
  read = (offset: number, into: Uint8Array): Promise<void> => this.#file.read(offset, into)
  write = (offset: number, ...parts: readonly Uint8Array[]): Promise<void> => this.#file.write(offset, ...parts)
  truncate = (size: number): Promise<void> => this.#file.truncate(size)
  sync = (): Promise<void> => this.#file.sync()
  allocated = (): Promise<number | undefined> => this.#file.allocated()
  nextData = (offset: number, limit: number): Promise<{ offset: number; length: number } | undefined> =>
    this.#file.nextData(offset, limit)

  async commit(): Promise<void> {
    await this.#file.sync()
    await this.#close()
    try {
      await this.#takeName()
      await syncDirectory(dirname(this.path))
    } catch (error) {
      throw ioError(this.path, 'giving it its name', error)
    } finally {
      await rm(this.#temporary, { force: true })
    }
  }

  async #takeName(): Promise<void> {
    if (!this.#replace) {
      // Somebody may have taken the name in the meantime: a link fails then, a rename would replace their file.
      const failure = await link(this.#temporary, this.path).then(() => undefined, systemCode)
      if (failure === undefined) return
      // Some file systems (FAT, SMB) have no links.
      if (failure === 'EEXIST' || (await exists(this.path))) throw diskErrors.exists({ path: this.path })
    }
    await rename(this.#temporary, this.path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return
    await this.#close()
    await rm(this.#temporary, { force: true })
  }

  async #close(): Promise<void> {
    this.#open = false
    await this.#file[Symbol.asyncDispose]()
  }
}

/** Makes the names in a directory durable. */
async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, constants.O_RDONLY)
  // Some network file systems can't, and write names through anyway.
  await directory.sync().catch((error: unknown) => {
    if (systemCode(error) !== 'EINVAL') throw error
  })
}

function ioError(path: string, operation: string, cause: unknown): Error {
  if (isAppError(cause)) return cause
  const code = systemCode(cause)
  if (code === 'ENOENT') return diskErrors.not_found({ path }, { cause })
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return diskErrors.denied({ path, operation, code }, { cause })
  return diskErrors.io({ path, operation, code }, { cause })
}
