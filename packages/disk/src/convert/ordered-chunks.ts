import { mapOrdered } from '@nixen/core'
import { alignedBuffers } from '../aligned.ts'
import type { DiskSource } from '../disk-source.ts'
import { chunksOf, readChunk, type Chunk } from '../extents.ts'

export interface OrderedChunk {
  readonly chunk: Chunk
  /** What the chunk holds, valid until the next chunk is asked for unless `keep` is set; `undefined` for zeros. */
  readonly bytes: Uint8Array | undefined
}

export interface OrderedChunkOptions {
  readonly signal?: AbortSignal | undefined
  /** Chunks that are read ahead; 3 when left out. */
  readonly ahead?: number | undefined
  /** Bytes of a chunk; 2 MiB when left out. */
  readonly size?: number | undefined
  /** Gives each chunk memory of its own, for consumers that keep it, as sockets do with what is queued. */
  readonly keep?: boolean | undefined
}

/** Reads a disk from front to back in chunks on a grid, some ahead, with constant memory. Zeros are one chunk whatever their length. */
export async function* orderedChunks(
  source: DiskSource,
  options: OrderedChunkOptions = {},
): AsyncGenerator<OrderedChunk> {
  const { signal, ahead = 3, size = 2 * 1024 * 1024, keep = false } = options
  const buffers = keep ? [] : alignedBuffers(ahead + 1, size)
  let turn = 0
  const read = async (chunk: Chunk): Promise<OrderedChunk> => {
    if (chunk.data.length === 0) return { chunk, bytes: undefined }
    // They are used in turn: the buffer of the chunk that is handed out is the last to come again.
    const buffer = keep ? new Uint8Array(chunk.length) : buffers[turn++ % buffers.length]
    const into = buffer?.subarray(0, chunk.length) ?? new Uint8Array(chunk.length)
    await readChunk(source, chunk, { into, signal })
    return { chunk, bytes: into }
  }
  yield* mapOrdered(chunksOf(source, size, { signal }), ahead, read)
}
