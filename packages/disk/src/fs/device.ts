import type { DiskSource } from '../disk-source.ts'
import { fileErrors } from './errors.ts'

/** Something with bytes to parse. What is given back is not to be written to. */
export interface Device {
  /** Names it in messages. */
  readonly where: string
  readonly size: number
  /** Exactly these bytes. @throws file.damaged beyond the end */
  read(offset: number, length: number): Promise<Buffer>
}

/** Bytes that are read at a time, and kept. */
const pageSize = 128 * 1024
/** Pages that are kept: 32 MiB. */
const keptPages = 256

/** A disk whose pages are kept for a while: structures are small and near each other. Large reads go past the cache. */
export class PagedDevice implements Device {
  readonly where: string
  readonly size: number
  readonly #source: Pick<DiskSource, 'size' | 'read'>
  readonly #pages = new Map<number, Promise<Buffer>>()
  readonly #signal: AbortSignal | undefined

  constructor(
    source: Pick<DiskSource, 'size' | 'read'>,
    { where, signal }: { where: string; signal?: AbortSignal | undefined },
  ) {
    this.#source = source
    this.where = where
    this.size = source.size
    this.#signal = signal
  }

  async read(offset: number, length: number): Promise<Buffer> {
    checkRange(this, offset, length)
    if (length > pageSize) return await this.#load(offset, length)
    const first = Math.floor(offset / pageSize)
    const inPage = offset - first * pageSize
    if (inPage + length <= pageSize) return (await this.#page(first)).subarray(inPage, inPage + length)
    const [head, tail] = await Promise.all([this.#page(first), this.#page(first + 1)])
    return Buffer.concat([head.subarray(inPage), tail.subarray(0, inPage + length - pageSize)], length)
  }

  #page(number: number): Promise<Buffer> {
    const kept = this.#pages.get(number)
    if (kept) {
      // Used last, dropped last.
      this.#pages.delete(number)
      this.#pages.set(number, kept)
      return kept
    }
    const offset = number * pageSize
    const page = this.#load(offset, Math.min(pageSize, this.size - offset))
    this.#pages.set(number, page)
    if (this.#pages.size > keptPages) {
      const [oldest] = this.#pages.keys()
      if (oldest !== undefined) this.#pages.delete(oldest)
    }
    return page
  }

  async #load(offset: number, length: number): Promise<Buffer> {
    this.#signal?.throwIfAborted()
    const into = Buffer.allocUnsafe(length)
    await this.#source.read(offset, into, { signal: this.#signal })
    return into
  }
}

/** A part of a device. */
export function partOf(device: Device, start: number, { size, where }: { size: number; where: string }): Device {
  const held = Math.max(0, Math.min(size, device.size - start))
  const part: Device = {
    where,
    size: held,
    async read(offset, length) {
      checkRange(part, offset, length)
      return await device.read(start + offset, length)
    },
  }
  return part
}

/** @throws file.damaged when a range is not all on the device */
export function checkRange({ where, size }: Device, offset: number, length: number): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && offset + length <= size) return
  throw fileErrors.damaged({ where, what: `it refers to byte ${offset}, and its disk has ${size}` })
}
