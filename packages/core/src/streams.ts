import { concatBytes } from './bytes.ts'
import { catalogue } from './errors.ts'

export const streamErrors = catalogue('stream', {
  truncated: {
    status: 422,
    text: (p: { expected: number; received: number }) =>
      `The stream ended after ${p.received} of ${p.expected} bytes. Send it again.`,
  },
  too_long: {
    status: 413,
    text: (p: { limit: number }) => `The stream is longer than the ${p.limit} bytes that are accepted here.`,
  },
})

/** A stream of bytes with back-pressure: the next part is only made when it is asked for. */
export type ByteStream = AsyncIterable<Uint8Array>

/** All of a stream as one array; `stream.too_long` beyond `limit` bytes. */
export async function collectBytes(
  stream: ByteStream,
  { limit = Infinity }: { limit?: number } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of stream) {
    length += part.length
    if (length > limit) throw streamErrors.too_long({ limit })
    parts.push(part)
  }
  return concatBytes(parts)
}

/** A stream of one array. */
export async function* streamOf(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts
}

/**
 * Reads exact amounts from a stream, for parsers of formats that come without seeking. Parts are handed out without copying where one part
 * holds all that is asked for: what `read` returns is valid until the source reuses its memory.
 */
export class ByteReader implements AsyncDisposable {
  readonly #source: AsyncIterator<Uint8Array>
  #part: Uint8Array = new Uint8Array(0)
  #position = 0

  constructor(source: ByteStream) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Bytes handed out so far. */
  get position(): number {
    return this.#position
  }

  /** Exactly `length` bytes; `stream.truncated` when the stream ends before. */
  async read(length: number): Promise<Uint8Array> {
    const bytes = await this.readUpTo(length)
    if (bytes.length < length) throw streamErrors.truncated({ expected: length, received: bytes.length })
    return bytes
  }

  /** `length` bytes, or fewer if the stream ends before. */
  async readUpTo(length: number): Promise<Uint8Array> {
    if (this.#part.length >= length) return this.#take(length)
    const parts: Uint8Array[] = []
    let missing = length
    while (missing > 0 && (this.#part.length > 0 || (await this.#fill()))) {
      const piece = this.#take(Math.min(missing, this.#part.length))
      missing -= piece.length
      parts.push(piece)
    }
    return parts.length === 1 ? (parts[0] ?? new Uint8Array(0)) : concatBytes(parts)
  }

  /** Passes over `length` bytes; `stream.truncated` when the stream ends before. */
  async skip(length: number): Promise<void> {
    let missing = length
    while (missing > 0) {
      if (this.#part.length === 0 && !(await this.#fill())) {
        throw streamErrors.truncated({ expected: length, received: length - missing })
      }
      missing -= this.#take(Math.min(missing, this.#part.length)).length
    }
  }

  /** The next part as it comes, at most `limit` bytes; `undefined` at the end. */
  async some(limit = Infinity): Promise<Uint8Array | undefined> {
    if (this.#part.length === 0 && !(await this.#fill())) return undefined
    return this.#take(Math.min(limit, this.#part.length))
  }

  /** Whether nothing is left. */
  async atEnd(): Promise<boolean> {
    return this.#part.length === 0 && !(await this.#fill())
  }

  /** Tells the source that no more will be read. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source.return?.()
  }

  #take(length: number): Uint8Array {
    const piece = this.#part.subarray(0, length)
    this.#part = this.#part.subarray(length)
    this.#position += length
    return piece
  }

  async #fill(): Promise<boolean> {
    for (;;) {
      const next = await this.#source.next()
      if (next.done) return false
      if (next.value.length === 0) continue
      this.#part = next.value
      return true
    }
  }
}

/** Maps with up to `concurrency` calls at once; results come in the order of the input. Reads no further ahead than that. */
export async function* mapOrdered<T, R>(
  source: AsyncIterable<T> | Iterable<T>,
  concurrency: number,
  map: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const pending: Promise<R>[] = []
  try {
    for await (const item of source) {
      const result = map(item)
      // It is awaited below; until then a rejection must not count as unhandled.
      result.catch(() => undefined)
      pending.push(result)
      if (pending.length >= concurrency) {
        const first = pending.shift()
        if (first) yield await first
      }
    }
    for (let first = pending.shift(); first; first = pending.shift()) yield await first
  } finally {
    await Promise.allSettled(pending)
  }
}

/** Runs `work` on every item with up to `concurrency` at once; the first failure stops taking items, and is thrown when all that began have ended. */
export async function forEachConcurrent<T>(
  source: AsyncIterable<T> | Iterable<T>,
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>()
  const failures: unknown[] = []
  for await (const item of source) {
    if (failures.length > 0) break
    const run = work(item)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => running.delete(run))
    running.add(run)
    if (running.size >= concurrency) await Promise.race(running)
  }
  await Promise.all(running)
  if (failures.length > 0) throw failures[0]
}
