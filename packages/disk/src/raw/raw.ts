import type { DiskSink } from '../disk-sink.ts'
import type { Extent, ExtentOptions, IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import { checkRange, withZeros } from '../extents.ts'
import type { DiskFile } from '../file.ts'
import type { DiskFormat, DiskImage, ImageInfo } from '../format.ts'
import { readSettings } from '../settings.ts'
import { Touched } from '../touched.ts'
import { encodeRaw } from './raw-stream.ts'

/** The bytes of the disk and nothing else; zeros are holes of the file. */
export const raw: DiskFormat = {
  name: 'raw',
  title: 'raw disk image, sparse where the storage can',
  extensions: ['raw', 'img', 'iso'],
  probe: () => true,
  async open(file) {
    return new RawImage(file, await file.size())
  },
  async create(file, { size, settings }) {
    readSettings('raw', settings, {})
    await file.truncate(size)
    return new RawSink(file, size)
  },
  encode: async (source, options) => ({ length: source.size, bytes: encodeRaw(source, options) }),
}

/** Ranges that are asked of the storage at once. */
const dataStep = 1024 ** 3

class RawImage implements DiskImage {
  readonly size: number
  readonly info: ImageInfo
  readonly #file: DiskFile

  constructor(file: DiskFile, size: number) {
    this.#file = file
    this.size = size
    this.info = { format: 'raw', virtualSize: size, details: {} }
  }

  extents({ signal, since }: ExtentOptions = {}): AsyncIterable<Extent> {
    if (since !== undefined) throw diskErrors.changes_unknown({ path: this.#file.path, since })
    return withZeros(this.#data(signal), this.size)
  }

  async *#data(signal: AbortSignal | undefined): AsyncGenerator<{ offset: number; length: number }> {
    for (let at = 0; at < this.size;) {
      signal?.throwIfAborted()
      const found = await this.#file.nextData(at, dataStep)
      if (!found) return
      const length = Math.min(found.length, this.size - found.offset)
      if (length > 0) yield { offset: found.offset, length }
      at = found.offset + found.length
    }
  }

  async read(offset: number, into: Uint8Array, options?: IoOptions): Promise<void> {
    checkRange(this.size, offset, into.length)
    await this.#file.read(offset, into, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }
}

class RawSink implements DiskSink {
  readonly size: number
  readonly order = 'any'
  readonly #file: DiskFile
  readonly #touched = new Touched()

  constructor(file: DiskFile, size: number) {
    this.#file = file
    this.size = size
  }

  async write(offset: number, bytes: Uint8Array, { signal }: IoOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    checkRange(this.size, offset, bytes.length)
    this.#touched.add(offset, bytes.length)
    await this.#file.write(offset, bytes)
  }

  async zero(offset: number, length: number, { signal }: IoOptions = {}): Promise<void> {
    checkRange(this.size, offset, length)
    for (const range of this.#touched.within(offset, length)) {
      signal?.throwIfAborted()
      await this.#file.write(range.offset, new Uint8Array(range.length))
    }
  }

  async finish(): Promise<void> {
    await this.#file.truncate(this.size)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }
}
