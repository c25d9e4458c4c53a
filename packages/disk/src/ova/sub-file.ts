import { diskErrors } from '../errors.ts'
import type { IoOptions } from '../disk-source.ts'
import { checkWithin, type DiskFile } from '../file.ts'

/** A range of a file, read as a file of its own. Closing it closes the whole. */
export class SubFile implements DiskFile {
  readonly path: string
  readonly #file: DiskFile
  readonly #offset: number
  readonly #size: number

  constructor(file: DiskFile, range: { name: string; offset: number; size: number }) {
    this.path = `${file.path}, ${range.name},`
    this.#file = file
    this.#offset = range.offset
    this.#size = range.size
  }

  size(): Promise<number> {
    return Promise.resolve(this.#size)
  }

  async read(offset: number, into: Uint8Array, options?: IoOptions): Promise<void> {
    checkWithin(this.path, this.#size, { offset, length: into.length })
    await this.#file.read(this.#offset + offset, into, options)
  }

  write(): Promise<void> {
    return Promise.reject(this.#readOnly())
  }

  truncate(): Promise<void> {
    return Promise.reject(this.#readOnly())
  }

  sync(): Promise<void> {
    return Promise.resolve()
  }

  allocated(): Promise<number | undefined> {
    return Promise.resolve(undefined)
  }

  async nextData(offset: number, limit: number): Promise<{ offset: number; length: number } | undefined> {
    if (offset >= this.#size) return undefined
    const found = await this.#file.nextData(this.#offset + offset, Math.min(limit, this.#size - offset))
    if (!found || found.offset >= this.#offset + this.#size) return undefined
    const start = found.offset - this.#offset
    return { offset: start, length: Math.min(found.length, this.#size - start) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }

  #readOnly(): Error {
    return diskErrors.not_possible({ format: 'ova', operation: 'be written in place' })
  }
}
