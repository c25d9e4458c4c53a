import { mkdir, open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { newOwnId, transferErrors } from '@nixen/api'
import { systemCode, type ByteStream } from '@nixen/core'

/** Room on the server for files that are kept for a while, shared by all transfers and uploads. */
export class Room {
  readonly #limit: () => number
  #used = 0

  constructor(limit: () => number) {
    this.#limit = limit
  }

  /** Takes room. @throws transfer.cache_full */
  take(bytes: number): void {
    const limit = this.#limit()
    if (this.#used + bytes > limit) throw transferErrors.cache_full({ limit })
    this.#used += bytes
  }

  /** Counts what is there already, whatever the limit. */
  hold(bytes: number): void {
    this.#used += bytes
  }

  give(bytes: number): void {
    this.#used -= bytes
  }
}

/** A file on the server for the time of one transfer. Disposing of it removes it. */
export interface SpooledFile extends AsyncDisposable {
  readonly path: string
  readonly size: number
}

/** Keeps streams in files that go when they are not needed any more, or when the server starts. */
export class Spool {
  readonly #folder: string
  readonly #room: Room

  constructor(folder: string, room: Room) {
    this.#folder = folder
    this.#room = room
  }

  /** Removes what an earlier run left. */
  async start(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
  }

  /** Keeps a whole stream. @throws transfer.cache_full, what the stream throws */
  async keep(stream: ByteStream, { signal }: { readonly signal: AbortSignal }): Promise<SpooledFile> {
    const path = join(this.#folder, newOwnId<'spool'>())
    let size = 0
    const remove = async (): Promise<void> => {
      await rm(path, { force: true })
      this.#room.give(size)
    }
    try {
      await using file = await open(path, 'wx', 0o600)
      for await (const part of stream) {
        signal.throwIfAborted()
        this.#room.take(part.length)
        size += part.length
        await writeAll(file, part)
      }
    } catch (error) {
      await remove()
      throw error
    }
    return { path, size, [Symbol.asyncDispose]: remove }
  }
}

/** Writes all of the bytes where the file is. @throws transfer.cache_full when the file system is full */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position?: number): Promise<void> {
  try {
    for (let done = 0; done < bytes.length;) {
      const at = position === undefined ? null : position + done
      done += (await file.write(bytes, done, bytes.length - done, at)).bytesWritten
    }
  } catch (cause) {
    if (systemCode(cause) !== 'ENOSPC') throw cause
    throw transferErrors.cache_full({ limit: (await file.stat()).size }, { cause })
  }
}
