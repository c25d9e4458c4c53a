import { ByteReader, type ByteStream } from '@nixen/core'
import { diskErrors } from '../errors.ts'
import type { TarEntry } from './header.ts'
import { nextTarEntry, tarPaddingOf } from './read-entries.ts'

const partSize = 1024 * 1024

/** Reads a tar file as it comes. What is not read of an entry is passed over by `next`. */
export class TarStream implements AsyncDisposable {
  readonly #reader: ByteReader
  readonly #path: string
  /** Bytes of the content of the current entry that were not read, and what follows them. */
  #left = 0
  #padding = 0

  constructor(stream: ByteStream, path = 'The tar stream') {
    this.#reader = new ByteReader(stream)
    this.#path = path
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#reader.position
  }

  /** Bytes of the current entry that were not read. */
  get left(): number {
    return this.#left
  }

  /** The next entry, or `undefined` at the end. */
  async next(): Promise<TarEntry | undefined> {
    await this.#skip(this.#left + this.#padding)
    const entry = await nextTarEntry({
      path: this.#path,
      position: this.#reader.position,
      readUpTo: (length) => this.#reader.readUpTo(length),
    })
    this.#left = entry?.size ?? 0
    this.#padding = tarPaddingOf(this.#left)
    return entry
  }

  /** All that is left of the current entry; `disk.too_large` beyond `limit` bytes. Valid until the next call. */
  async read(limit: number): Promise<Uint8Array> {
    const length = this.#left
    if (length > limit) throw diskErrors.too_large({ path: this.#path, what: 'an entry', size: length, limit })
    return this.#take(length)
  }

  /** The next bytes of the current entry, which has at least as many. */
  async readInto(target: Uint8Array): Promise<void> {
    for (let filled = 0; filled < target.length;) {
      const part = await this.#reader.some(target.length - filled)
      if (!part) throw this.#truncated(this.#left)
      target.set(part, filled)
      filled += part.length
      this.#left -= part.length
    }
  }

  /** The content of the current entry in parts of up to 1 MiB. */
  async *content(): AsyncGenerator<Uint8Array> {
    while (this.#left > 0) {
      const part = await this.#reader.some(Math.min(this.#left, partSize))
      if (!part) throw this.#truncated(this.#left)
      this.#left -= part.length
      yield part
    }
  }

  /** Reads to the end of the stream, so that whoever writes it sees that all was taken. */
  async drain(): Promise<void> {
    while (await this.#reader.some()) {
      // What follows the end of a tar file is padding.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]()
  }

  async #take(length: number): Promise<Uint8Array> {
    const bytes = await this.#reader.readUpTo(length)
    if (bytes.length < length) throw this.#truncated(length - bytes.length)
    this.#left -= length
    return bytes
  }

  async #skip(length: number): Promise<void> {
    for (let missing = length; missing > 0;) {
      const part = await this.#reader.some(missing)
      if (!part) throw this.#truncated(missing)
      missing -= part.length
    }
    this.#left = 0
    this.#padding = 0
  }

  #truncated(missing: number): Error {
    const received = this.#reader.position
    return diskErrors.truncated({ path: this.#path, expected: received + missing, received })
  }
}
