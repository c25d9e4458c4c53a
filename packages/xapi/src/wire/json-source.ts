import { raceSignal } from '@nixen/core'
import { xapiErrors } from '../errors.ts'
import { JsonCursor, shortage } from './json-cursor.ts'
import type { StringTable } from './string-table.ts'

/** Milliseconds of parsing between two visits of the event loop. */
const sliceTime = 8
/** A value that was cut off beyond this size is only tried again when twice as much has come, so that no value is read more than twice on average. */
const patience = 128 * 1024

const windowBytes = 16 * 1024
/** The value that a piece cuts off is read again from its beginning: with pieces as small as those of TLS that is an eighth of all. */
const pieceBytes = 64 * 1024
/** A stream that always has a next part would otherwise keep the event loop to itself. */
const sliceBytes = 1024 * 1024

/** A stream whose parts may be there already. */
export interface PartSource extends AsyncIterable<Uint8Array> {
  /** The next part if it has come, without a promise: a large answer comes in thousands of parts. */
  take?(): Uint8Array | undefined
}

export interface JsonSourceOptions {
  readonly maxBytes: number
  readonly signal?: AbortSignal | undefined
  readonly strings?: StringTable | undefined
}

/** Feeds a cursor from a stream: values are read whole, as they come in, with a pause for the event loop now and then. */
export class JsonSource implements AsyncDisposable {
  readonly #body: PartSource
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #options: JsonSourceOptions
  readonly #cursor: JsonCursor
  /** Holds what came and is not read yet, from its beginning. */
  #window: Buffer = Buffer.allocUnsafeSlow(windowBytes)
  #received = 0
  #ended = false
  /** A part was asked for and has not come. */
  #waiting = false
  #sliceEnd = performance.now() + sliceTime

  constructor(body: PartSource, options: JsonSourceOptions) {
    this.#body = body
    this.#iterator = body[Symbol.asyncIterator]()
    this.#options = options
    this.#cursor = new JsonCursor(options.strings)
  }

  /** Bytes that came so far. */
  get received(): number {
    return this.#received
  }

  /** What `read` takes from the cursor. It may be called several times, from the same place, until all that it needs is there. */
  async read<T>(read: (cursor: JsonCursor) => T): Promise<T> {
    for (;;) {
      const start = this.#cursor.at
      try {
        return read(this.#cursor)
      } catch (error) {
        if (error !== shortage) throw error
      }
      this.#cursor.at = start
      await this.#more()
    }
  }

  /** As `read`, at once: `undefined` when it needs more than is there. For values that come by the thousand. */
  tryRead<T>(read: (cursor: JsonCursor) => T): T | undefined {
    const start = this.#cursor.at
    try {
      return read(this.#cursor)
    } catch (error) {
      if (error !== shortage) throw error
      this.#cursor.at = start
      return undefined
    }
  }

  /** Lets other work have its turn when it is time; call it between values. */
  pause(): Promise<void> | undefined {
    return performance.now() < this.#sliceEnd ? undefined : this.#rest()
  }

  /** Tells the stream that no more is read. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return
    const closed = Promise.resolve(this.#iterator.return?.())
    // A generator that waits for a part which never comes would not close either; whoever aborted the reading ends its source.
    if (this.#waiting) closed.catch(() => undefined)
    else await closed
  }

  async #rest(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#options.signal?.throwIfAborted()
    this.#sliceEnd = performance.now() + sliceTime
  }

  async #more(): Promise<void> {
    const { bytes, at } = this.#cursor
    let length = bytes.length - at
    const wanted = length < patience ? length + pieceBytes : 2 * length
    if (at > 0) this.#window.copyWithin(0, at, bytes.length)
    let unpaused = 0
    while (length < wanted && !this.#ended) {
      const part = this.#body.take?.() ?? (await this.#next())
      if (!part) continue
      this.#count(part)
      this.#reserve(length + part.length, length)
      // The stream may use the memory of its parts again.
      this.#window.set(part, length)
      length += part.length
      unpaused += part.length
      if (unpaused < sliceBytes) continue
      unpaused = 0
      await this.pause()
    }
    this.#cursor.feed(this.#window.subarray(0, length), this.#ended)
  }

  /** Makes the window hold `size` bytes, of which the first `used` are kept. */
  #reserve(size: number, used: number): void {
    if (size <= this.#window.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(size, 2 * this.#window.length))
    larger.set(this.#window.subarray(0, used))
    this.#window = larger
  }

  async #next(): Promise<Uint8Array | undefined> {
    this.#waiting = true
    const next = await raceSignal(this.#iterator.next(), this.#options.signal)
    this.#waiting = false
    if (!next.done) return next.value
    this.#ended = true
    return undefined
  }

  #count(part: Uint8Array): void {
    const { maxBytes } = this.#options
    this.#received += part.length
    if (this.#received > maxBytes) throw xapiErrors.too_large({ limit: maxBytes })
  }
}
