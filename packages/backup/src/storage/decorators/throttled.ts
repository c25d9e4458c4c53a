import { systemClock, type Clock } from '@nixen/core'
import type { FileId, LoadOptions, Storage, StorageOptions } from '../storage.ts'
import { ForwardingStorage } from './forwarding.ts'

export interface ThrottleOptions {
  /** Bytes per second that `save` may write; unlimited when left out. */
  readonly upload?: number | undefined
  /** Bytes per second that `load` may read; unlimited when left out. */
  readonly download?: number | undefined
  readonly clock?: Clock
}

/** Keeps the average rate of reading and writing under a limit. A file goes out at full speed, and the next one waits for its share of time. */
export class ThrottledStorage extends ForwardingStorage {
  readonly #upload: Rate | undefined
  readonly #download: Rate | undefined

  constructor(inner: Storage, { upload, download, clock = systemClock }: ThrottleOptions) {
    super(inner)
    this.#upload = upload === undefined ? undefined : new Rate(upload, clock)
    this.#download = download === undefined ? undefined : new Rate(download, clock)
  }

  override async save(file: FileId, parts: readonly Uint8Array[], options: StorageOptions = {}): Promise<void> {
    let length = 0
    for (const part of parts) length += part.length
    await this.#upload?.take(length, options)
    await this.inner.save(file, parts, options)
  }

  override async load(file: FileId, options: LoadOptions = {}): Promise<Uint8Array> {
    const bytes = await this.inner.load(file, options)
    await this.#download?.take(bytes.length, options)
    return bytes
  }
}

class Rate {
  readonly #bytesPerMs: number
  readonly #clock: Clock
  /** Monotonic time at which everything taken so far has had its time. */
  #paidUntil = 0

  constructor(bytesPerSecond: number, clock: Clock) {
    if (!(bytesPerSecond > 0)) throw new RangeError(`A rate must be above zero, not ${bytesPerSecond}`)
    this.#bytesPerMs = bytesPerSecond / 1000
    this.#clock = clock
  }

  /** Waits until what was taken before has had its time, then takes `bytes`. */
  async take(bytes: number, { signal }: StorageOptions): Promise<void> {
    const now = this.#clock.monotonic()
    const start = Math.max(now, this.#paidUntil)
    this.#paidUntil = start + bytes / this.#bytesPerMs
    if (start > now) await this.#clock.sleep(start - now, { signal })
  }
}
