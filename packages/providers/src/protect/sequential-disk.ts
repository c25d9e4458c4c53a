import { setImmediate } from 'node:timers/promises'
import { MiB, raceSignal } from '@nixen/core'
import {
  checkRange,
  withZeros,
  type DiskPart,
  type DiskSource,
  type DiskStream,
  type Extent,
  type ExtentOptions,
  type IoOptions,
} from '@nixen/disk'

export interface SequentialOptions {
  /** Begins the stream, or begins it anew; it ends when the signal is aborted. Its parts must come in ascending order. */
  readonly open: (signal: AbortSignal) => Promise<DiskStream>
  /** Fills `into` with what the disk holds where the stream has nothing; zeros when left out. */
  readonly fill?: ((offset: number, into: Uint8Array, options: IoOptions) => Promise<void>) | undefined
  /** Bytes behind the front of the stream that can still be read; 32 MiB when left out. */
  readonly window?: number | undefined
}

interface Waiting {
  readonly offset: number
  readonly end: number
  readonly into: Uint8Array
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Reads a disk that comes as a stream as if it were at hand. Readers that go from front to back, some of them side by side as the backup engine
 * does, cost one pass; who steps back further than the window begins the stream again. The stream moves only while somebody waits for it.
 */
export class SequentialDisk implements DiskSource {
  readonly size: number
  /** Where the stream said at its start that it has data. */
  readonly ranges: DiskStream['ranges']
  readonly #options: SequentialOptions
  readonly #window: number
  #stream: DiskStream | undefined
  #parts: AsyncIterator<DiskPart> | undefined
  /** Stops the stream that is open. */
  #stop: AbortController
  /** Everything before this offset has come. */
  #front = 0
  /** What lies before this offset is not at hand any more. */
  #dropped = 0
  /** Copies of the last parts, ascending. */
  #recent: DiskPart[] = []
  #recentBytes = 0
  #waiting: Waiting[] = []
  #pumping: Promise<void> | undefined
  #closed: Error | undefined

  private constructor(stream: DiskStream, stop: AbortController, options: SequentialOptions) {
    this.#stream = stream
    this.#stop = stop
    this.#options = options
    this.#window = options.window ?? 32 * MiB
    this.size = stream.size
    this.ranges = stream.ranges
  }

  static async open(options: SequentialOptions, { signal }: IoOptions = {}): Promise<SequentialDisk> {
    const stop = new AbortController()
    const onAbort = (): void => stop.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      signal?.throwIfAborted()
      return new SequentialDisk(await options.open(stop.signal), stop, options)
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  async *extents({ signal }: ExtentOptions = {}): AsyncGenerator<Extent> {
    const ranges = this.ranges ?? [{ offset: 0, length: this.size }]
    const listed = async function* (): AsyncGenerator<{ offset: number; length: number }> {
      yield* ranges
    }
    signal?.throwIfAborted()
    yield* withZeros(listed(), this.size)
  }

  async read(offset: number, into: Uint8Array, options: IoOptions = {}): Promise<void> {
    checkRange(this.size, offset, into.length)
    if (this.#closed) throw this.#closed
    if (into.length === 0) return
    if (this.#options.fill) await this.#options.fill(offset, into, options)
    else into.fill(0)
    const arrived = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ offset, end: offset + into.length, into, resolve, reject })
    })
    this.#pumping ??= this.#pump()
    try {
      await raceSignal(arrived, options.signal)
    } catch (error) {
      // The memory is the caller's again: nothing more may be written to it.
      this.#waiting = this.#waiting.filter((waiting) => waiting.into !== into)
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= new Error('the disk was closed')
    await this.#endStream()
    await this.#pumping
    this.#fail(this.#closed)
  }

  async #pump(): Promise<void> {
    // Who asks side by side gets all in one pass.
    await setImmediate()
    while (this.#waiting.length > 0 && !this.#closed) {
      try {
        if (this.#serve()) await setImmediate()
        else await this.#advance()
      } catch (error) {
        this.#fail(this.#closed ?? error)
        await this.#endStream()
      }
    }
    // In one go with the look at who waits: who comes later starts another pump.
    this.#pumping = undefined
  }

  /** Ends the reads for which everything is at hand. */
  #serve(): boolean {
    const whole = this.#waiting.filter(({ offset, end }) => end <= this.#front && offset >= this.#dropped)
    this.#waiting = this.#waiting.filter((waiting) => !whole.includes(waiting))
    for (const read of whole) {
      for (const part of this.#recent) copyPart(part, read)
      read.resolve()
    }
    return whole.length > 0
  }

  /** Takes the next part of the stream; from a new one if all who wait want what is gone. */
  async #advance(): Promise<void> {
    if (this.#waiting.every(({ offset }) => offset < this.#dropped)) await this.#endStream()
    if (!this.#stream) {
      this.#stop = new AbortController()
      this.#stream = await this.#options.open(this.#stop.signal)
    }
    this.#parts ??= this.#stream.parts({ signal: this.#stop.signal })[Symbol.asyncIterator]()
    const next = await this.#parts.next()
    if (next.done) {
      this.#front = this.size
      return
    }
    const { offset, bytes } = next.value
    if (offset < this.#front) throw new TypeError('the parts of the stream do not ascend')
    this.#front = offset + bytes.length
    this.#keep({ offset, bytes: Uint8Array.from(bytes) })
  }

  #keep(part: DiskPart): void {
    this.#recent.push(part)
    this.#recentBytes += part.bytes.length
    // A read that waits has its parts kept, however many they are.
    let needed = Infinity
    for (const { offset } of this.#waiting) if (offset >= this.#dropped) needed = Math.min(needed, offset)
    while (this.#recentBytes > this.#window) {
      const [oldest] = this.#recent
      if (!oldest || oldest.offset + oldest.bytes.length > needed) return
      this.#recent.shift()
      this.#recentBytes -= oldest.bytes.length
      this.#dropped = oldest.offset + oldest.bytes.length
    }
  }

  /** Closes the stream and forgets what has come of it. */
  async #endStream(): Promise<void> {
    const [stream, parts] = [this.#stream, this.#parts]
    this.#stream = undefined
    this.#parts = undefined
    this.#recent = []
    this.#recentBytes = 0
    this.#front = 0
    this.#dropped = 0
    this.#stop.abort(this.#closed ?? new Error('the stream is not needed any more'))
    // What these throw is of a stream that nobody reads.
    await Promise.allSettled([parts?.return?.(), stream?.[Symbol.asyncDispose]()])
  }

  #fail(error: unknown): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { reject } of waiting) reject(error)
  }
}

function copyPart({ offset, bytes }: DiskPart, { offset: from, end, into }: Waiting): void {
  const start = Math.max(offset, from)
  const stop = Math.min(offset + bytes.length, end)
  if (start < stop) into.set(bytes.subarray(start - offset, stop - offset), start - from)
}
