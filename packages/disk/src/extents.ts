import type { DiskSource, Extent, ExtentOptions } from './disk-source.ts'
import { diskErrors } from './errors.ts'

/** Joins neighbours of one kind. */
export async function* joinExtents(extents: AsyncIterable<Extent> | Iterable<Extent>): AsyncGenerator<Extent> {
  let last: Extent | undefined
  for await (const extent of extents) {
    if (extent.length === 0) continue
    if (last && last.kind === extent.kind && last.offset + last.length === extent.offset) {
      last = { offset: last.offset, length: last.length + extent.length, kind: last.kind }
      continue
    }
    if (last) yield last
    last = extent
  }
  if (last) yield last
}

/** All of a disk with the given ascending ranges as data and the rest as zeros. */
export async function* withZeros(
  data: AsyncIterable<{ offset: number; length: number }>,
  size: number,
): AsyncGenerator<Extent> {
  let end = 0
  for await (const { offset, length } of data) {
    if (offset > end) yield { offset: end, length: offset - end, kind: 'zero' }
    yield { offset, length, kind: 'data' }
    end = offset + length
  }
  if (end < size) yield { offset: end, length: size - end, kind: 'zero' }
}

/** A range of a disk and where it holds data; without `data` it is zeros throughout. */
export interface Chunk {
  readonly offset: number
  readonly length: number
  /** Ascending, within the range. */
  readonly data: readonly { readonly offset: number; readonly length: number }[]
}

/** Walks over the data of a source on a grid, and tells of zeros in one piece however long they are. */
export class ExtentCursor implements AsyncDisposable {
  readonly #extents: AsyncIterator<Extent>
  #next: Extent | undefined
  #started = false

  constructor(source: Pick<DiskSource, 'extents'>, options: ExtentOptions = {}) {
    this.#extents = source.extents(options)[Symbol.asyncIterator]()
  }

  /** Start of the first data at or after `offset`; never goes back. */
  async dataFrom(offset: number): Promise<number | undefined> {
    const extent = await this.#at(offset)
    return extent && Math.max(extent.offset, offset)
  }

  /** The first data between `offset` and `end`; never goes back. */
  async first(offset: number, end: number): Promise<{ offset: number; length: number } | undefined> {
    const extent = offset < end ? await this.#at(offset) : undefined
    if (!extent || extent.offset >= end) return undefined
    const start = Math.max(extent.offset, offset)
    return { offset: start, length: Math.min(extent.offset + extent.length, end) - start }
  }

  /** The data in a range; ranges must ascend. */
  async within(offset: number, length: number): Promise<{ offset: number; length: number }[]> {
    const found: { offset: number; length: number }[] = []
    for (let data = await this.first(offset, offset + length); data;) {
      found.push(data)
      data = await this.first(data.offset + data.length, offset + length)
    }
    return found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#extents.return?.()
  }

  /** The data extent that ends after `offset`. */
  async #at(offset: number): Promise<Extent | undefined> {
    while (
      !this.#started ||
      (this.#next && (this.#next.kind === 'zero' || this.#next.offset + this.#next.length <= offset))
    ) {
      this.#started = true
      const result = await this.#extents.next()
      this.#next = result.done ? undefined : result.value
    }
    return this.#next
  }
}

/** Covers a disk with chunks of at most `chunkSize` bytes on a grid of that size; zeros are one chunk whatever their length. */
export async function* chunksOf(
  source: Pick<DiskSource, 'extents' | 'size'>,
  chunkSize: number,
  options: ExtentOptions = {},
): AsyncGenerator<Chunk> {
  await using cursor = new ExtentCursor(source, options)
  for (let offset = 0; offset < source.size;) {
    options.signal?.throwIfAborted()
    const start = (await cursor.dataFrom(offset)) ?? source.size
    const grid = start === source.size ? start : Math.floor(start / chunkSize) * chunkSize
    if (grid > offset) yield { offset, length: grid - offset, data: [] }
    offset = Math.max(grid, offset)
    const length = Math.min(chunkSize, source.size - offset)
    if (length > 0) yield { offset, length, data: await cursor.within(offset, length) }
    offset += length
  }
}

/** Reads a chunk: `into` is as long as the chunk, and gets zeros where there is no data. */
export async function readChunk(
  source: DiskSource,
  chunk: Chunk,
  { into, signal }: { into: Uint8Array; signal?: AbortSignal | undefined },
): Promise<void> {
  let end = 0
  const reads = chunk.data.map(({ offset, length }) => {
    const start = offset - chunk.offset
    into.fill(0, end, start)
    end = start + length
    return source.read(offset, into.subarray(start, end), { signal })
  })
  into.fill(0, end)
  await Promise.all(reads)
}

/** Throws `disk.out_of_range` for a range that is not all on a disk of `size` bytes. */
export function checkRange(size: number, offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > size) {
    throw diskErrors.out_of_range({ offset, length, size })
  }
}
