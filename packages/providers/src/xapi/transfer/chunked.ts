import { concatBytes, MiB } from '@nixen/core'
import { dataRuns, type DiskStream } from '@nixen/disk'

/** Longest chunk; its length has four bytes, and hosts keep one at a time. */
const largest = 1 * MiB
const zeros = new Uint8Array(largest)

export interface ChunkOptions {
  readonly signal?: AbortSignal | undefined
  /** Whether zeros are sent too, for a disk that may hold something else; the stream must ascend then. */
  readonly zeros: boolean
}

/**
 * A disk in the framing of `/import_raw_vdi?chunked` (vhd-tool, chunked.ml): offset (8 bytes) and length (4 bytes), little endian, before the bytes of
 * each chunk, and an empty one at offset 0 at the end. The host leaves alone what no chunk covers: zeros need not be sent to a new disk.
 */
export async function* encodeChunked(disk: DiskStream, options: ChunkOptions): AsyncGenerator<Uint8Array> {
  const { signal } = options
  let end = 0
  for await (const { offset, bytes } of disk.parts({ signal })) {
    if (options.zeros && offset > end) yield* gap(end, offset)
    end = offset + bytes.length
    const runs = options.zeros ? [{ start: 0, end: bytes.length }] : dataRuns(bytes)
    for (const run of runs) {
      for (let at = run.start; at < run.end; at += largest) {
        // With memory of its own: the stream uses its again, the socket keeps what is queued.
        yield chunk(offset + at, bytes.subarray(at, Math.min(at + largest, run.end)))
      }
    }
  }
  if (options.zeros && disk.size > end) yield* gap(end, disk.size)
  yield header(0, 0)
}

function* gap(from: number, to: number): Generator<Uint8Array> {
  for (let at = from; at < to; at += largest) yield chunk(at, zeros.subarray(0, Math.min(largest, to - at)))
}

function chunk(offset: number, bytes: Uint8Array): Uint8Array {
  return concatBytes([header(offset, bytes.length), bytes])
}

function header(offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(12)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, BigInt(offset), true)
  view.setUint32(8, length, true)
  return bytes
}

/** All bytes of a disk, from front to back, padded with zeros to a length. The stream must ascend. */
export async function* encodePadded(
  disk: DiskStream,
  { length, signal }: { readonly length: number; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  let end = 0
  for await (const { offset, bytes } of disk.parts({ signal })) {
    yield* plainGap(end, offset)
    yield Uint8Array.from(bytes)
    end = offset + bytes.length
  }
  yield* plainGap(end, length)
}

function* plainGap(from: number, to: number): Generator<Uint8Array> {
  for (let at = from; at < to; at += largest) yield zeros.subarray(0, Math.min(largest, to - at))
}
