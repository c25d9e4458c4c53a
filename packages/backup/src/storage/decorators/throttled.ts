import type { Clock } from '@nixen/core'
import type { FileId, LoadOptions, Storage, StorageOptions } from '../storage.ts'
import { ForwardingStorage } from './forwarding.ts'
import { Rate } from './rate.ts'

export interface ThrottleOptions {
  /** Bytes per second that `save` may write, or a rate that others use too; unlimited when left out. */
  readonly upload?: number | Rate | undefined
  /** Bytes per second that `load` may read; unlimited when left out. */
  readonly download?: number | Rate | undefined
  readonly clock?: Clock
}

/** Keeps the average rate of reading and writing under a limit. A file goes out at full speed, and the next one waits for its share of time. */
export class ThrottledStorage extends ForwardingStorage {
  readonly #upload: Rate | undefined
  readonly #download: Rate | undefined

  constructor(inner: Storage, { upload, download, clock }: ThrottleOptions) {
    super(inner)
    this.#upload = typeof upload === 'number' ? new Rate(upload, clock) : upload
    this.#download = typeof download === 'number' ? new Rate(download, clock) : download
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
