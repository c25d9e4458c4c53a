import { MiB } from '@nixen/core'
import type { DiskSource, Extent } from '@nixen/disk'
import { demoErrors } from './errors.ts'
import { imageSize, type Patch } from './image.ts'

/** Read at a time, in bytes. */
const windowSize = 16 * MiB

/** A VM of the simulated pool: its UUID there, and the debug port through which its guest is played. */
export interface Guest {
  readonly debugUrl: string
  readonly uuid: string
}

/** The first disk of a VM as its guest reads it: not by way of anything that makes or restores backups. */
export class GuestDisk implements DiskSource {
  readonly size: number = imageSize
  readonly #url: string
  readonly #windows = new Map<number, Promise<Uint8Array>>()

  constructor({ debugUrl, uuid }: Guest) {
    this.#url = `${debugUrl}/vms/${uuid}/disks/0`
  }

  /** All of it is read: what is thought to be empty is not trusted. */
  async *extents(): AsyncGenerator<Extent> {
    yield { offset: 0, length: this.size, kind: 'data' }
  }

  async read(offset: number, into: Uint8Array, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    for (let at = 0; at < into.length;) {
      const place = offset + at
      const start = Math.floor(place / windowSize) * windowSize
      const part = (await this.#window(start, signal)).subarray(place - start, place - start + into.length - at)
      into.set(part, at)
      at += part.length
    }
  }

  /** Each request opens the disk anew, so much is read at a time; readers go forward, so two of those are enough. */
  async #window(start: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const found = this.#windows.get(start)
    if (found) return await found
    const [oldest] = this.#windows.keys()
    if (this.#windows.size >= 2 && oldest !== undefined) this.#windows.delete(oldest)
    const loading = this.#load(start, Math.min(windowSize, this.size - start), signal)
    this.#windows.set(start, loading)
    return await loading
  }

  async #load(start: number, length: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const response = await fetch(`${this.#url}?offset=${start}&length=${length}`, { signal: signal ?? null })
    const bytes = new Uint8Array(await demandOk(response).arrayBuffer())
    if (bytes.length === length) return bytes
    throw demoErrors.guest({ reason: `${bytes.length} bytes came for ${length}` })
  }

  /** Writes as the guest does, while the VM runs. */
  async write({ offset, bytes }: Patch, signal: AbortSignal): Promise<void> {
    this.#windows.clear()
    const body = new Uint8Array(bytes)
    demandOk(await fetch(`${this.#url}?offset=${offset}`, { method: 'PUT', body, signal }))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}

function demandOk(response: Response): Response {
  if (response.ok) return response
  throw demoErrors.guest({ reason: `the debug port answered ${response.status}` })
}
