import { isZero } from '@nixen/core'
import type { DiskStream, IoOptions, WritableDisk } from '@nixen/disk'
import { blockSize } from '../storage/file-sr/layer.ts'

export interface WriteOverOptions extends IoOptions {
  /** Whether what no part covers becomes zeros; it stays as it is otherwise. */
  readonly gaps: 'zeros' | 'kept'
  readonly progress?: ((done: { bytes: number; total: number }) => void) | undefined
}

/** Writes a stream over a disk that may hold something already: zeros of the stream count as much as other bytes. Durable when it resolves. */
export async function writeOver(
  disk: WritableDisk,
  stream: DiskStream,
  { gaps, progress, signal }: WriteOverOptions,
): Promise<void> {
  const batch = new Batch(disk, signal)
  let end = 0
  for await (const { offset, bytes } of stream.parts({ signal })) {
    signal?.throwIfAborted()
    if (gaps === 'zeros' && offset > end) await batch.zero(end, offset - end)
    await batch.write(offset, bytes)
    end = offset + bytes.length
    progress?.({ bytes: end, total: stream.size })
  }
  if (gaps === 'zeros' && stream.size > end) await batch.zero(end, stream.size - end)
  await batch.flush()
  await disk.flush({ signal })
}

/** Joins the small parts of a network stream: a block of a VHD is written at once. */
class Batch {
  readonly #disk: WritableDisk
  readonly #signal: AbortSignal | undefined
  readonly #bytes = new Uint8Array(blockSize)
  #offset = 0
  #length = 0

  constructor(disk: WritableDisk, signal: AbortSignal | undefined) {
    this.#disk = disk
    this.#signal = signal
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    if (offset !== this.#offset + this.#length) await this.flush()
    for (let done = 0; done < bytes.length;) {
      if (this.#length === 0) this.#offset = offset + done
      const room = blockSize - ((this.#offset + this.#length) % blockSize)
      const part = bytes.subarray(done, done + room)
      this.#bytes.set(part, this.#length)
      this.#length += part.length
      done += part.length
      if (part.length === room) await this.flush()
    }
  }

  async zero(offset: number, length: number): Promise<void> {
    await this.flush()
    await this.#disk.zero(offset, length, { signal: this.#signal })
  }

  async flush(): Promise<void> {
    const bytes = this.#bytes.subarray(0, this.#length)
    this.#length = 0
    if (bytes.length === 0) return
    // Zeros over what is zeros already take no room.
    if (isZero(bytes)) await this.#disk.zero(this.#offset, bytes.length, { signal: this.#signal })
    else await this.#disk.write(this.#offset, bytes, { signal: this.#signal })
  }
}
