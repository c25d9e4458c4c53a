import type { IoOptions } from '../disk-source.ts'
import { checkWithin, type DiskFile } from '../file.ts'
import type { VmdkExtent } from './extent.ts'

/** A part that is zeros and has no file. */
export class ZeroExtent implements VmdkExtent {
  readonly size: number

  constructor(size: number) {
    this.size = size
  }

  async *data(): AsyncGenerator<{ offset: number; length: number }> {
    // There is none.
  }

  read(_offset: number, into: Uint8Array): Promise<void> {
    into.fill(0)
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}

/** A part that is the bytes of a file. */
export class FlatExtent implements VmdkExtent {
  readonly size: number
  readonly #file: DiskFile
  readonly #offset: number

  private constructor(file: DiskFile, offset: number, size: number) {
    this.#file = file
    this.#offset = offset
    this.size = size
  }

  /** `disk.truncated` when the file does not hold all of it. */
  static async open(file: DiskFile, { offset, size }: { offset: number; size: number }): Promise<FlatExtent> {
    checkWithin(file.path, await file.size(), { offset, length: size })
    return new FlatExtent(file, offset, size)
  }

  async *data({ signal }: IoOptions = {}): AsyncGenerator<{ offset: number; length: number }> {
    const end = this.#offset + this.size
    for (let at = this.#offset; at < end;) {
      signal?.throwIfAborted()
      const found = await this.#file.nextData(at, 1024 ** 3)
      if (!found || found.offset >= end) return
      const length = Math.min(found.length, end - found.offset)
      yield { offset: found.offset - this.#offset, length }
      at = found.offset + found.length
    }
  }

  read(offset: number, into: Uint8Array, options?: IoOptions): Promise<void> {
    return this.#file.read(this.#offset + offset, into, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }
}
