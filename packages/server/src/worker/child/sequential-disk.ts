import { Semaphore } from '@nixen/core'
import type { DiskPart, DiskSource, DiskStream, Extent, IoOptions } from '@nixen/disk'

/**
 * A disk that comes once, from front to back, read as one that is read in ascending order: what the stream passes over is zeros. The reader of a backup asks
 * in the order of the disk, with several reads on their way; they are answered one after the other. Reading the last byte also reads the
 * stream to its end, so that one that was cut is an error.
 */
export class SequentialDisk implements DiskSource {
  readonly size: number
  readonly #stream: DiskStream
  readonly #parts: AsyncIterator<DiskPart>
  #part: DiskPart | undefined
  #position = 0
  /** Those who wait are served in the order in which they came. */
  readonly #turn = new Semaphore(1)

  constructor(stream: DiskStream, options: { readonly size: number; readonly signal: AbortSignal }) {
    this.size = options.size
    this.#stream = stream
    this.#parts = stream.parts({ signal: options.signal })[Symbol.asyncIterator]()
  }

  /** All of the disk: what is zero shows when it is read. */
  async *extents(): AsyncGenerator<Extent> {
    if (this.size > 0) yield { offset: 0, length: this.size, kind: 'data' }
  }

  async read(offset: number, into: Uint8Array, { signal }: IoOptions = {}): Promise<void> {
    using _turn = await this.#turn.acquire({ signal })
    signal?.throwIfAborted()
    await this.#fill(offset, into)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.return?.()
    await this.#stream[Symbol.asyncDispose]()
  }

  async #fill(offset: number, into: Uint8Array): Promise<void> {
    if (offset < this.#position) throw new RangeError(`a stream cannot go back from ${this.#position} to ${offset}`)
    const end = offset + into.length
    this.#position = end
    into.fill(0)
    for (;;) {
      const part = (this.#part ??= await this.#next())
      if (!part || part.offset >= end) break
      const from = Math.max(part.offset, offset)
      const to = Math.min(part.offset + part.bytes.length, end)
      if (to > from) into.set(part.bytes.subarray(from - part.offset, to - part.offset), from - offset)
      if (part.offset + part.bytes.length > end) break
      this.#part = undefined
    }
    if (end === this.size) for (let rest = this.#part; rest; rest = await this.#next()) checkEnd(rest, this.size)
  }

  async #next(): Promise<DiskPart | undefined> {
    const next = await this.#parts.next()
    return next.done ? undefined : next.value
  }
}

/** A host may round the size of a disk up; there is nothing but zeros then. */
function checkEnd({ offset, bytes }: DiskPart, size: number): void {
  const beyond = bytes.subarray(Math.max(0, size - offset))
  if (beyond.some((byte) => byte !== 0)) throw new RangeError(`the stream is longer than the disk of ${size} bytes`)
}
