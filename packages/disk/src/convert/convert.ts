import { mapOrdered } from '@nixen/core'
import { alignedBuffers } from '../aligned.ts'
import type { DiskSink } from '../disk-sink.ts'
import type { DiskSource } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import { chunksOf, readChunk, type Chunk } from '../extents.ts'
import type { DiskStream } from '../format.ts'
import { dataRuns } from '../zero-runs.ts'

/** How far a long operation is, in bytes of the virtual disk. */
export interface Progress {
  readonly bytes: number
  readonly total: number
}

export interface ConvertOptions {
  readonly signal?: AbortSignal | undefined
  /** Called after each chunk of 2 MiB, and after zeros of any length. */
  readonly progress?: ((progress: Progress) => void) | undefined
  /** Chunks of 2 MiB in flight, each with its own buffer; 4 when left out. */
  readonly concurrency?: number | undefined
}

export interface ConvertResult {
  /** Bytes that were written to the sink; the rest of the disk is zeros. */
  readonly written: number
}

/** Bytes of one read: a block of a VHD, and 32 clusters of a qcow2. */
export const chunkSize: number = 2 * 1024 * 1024

/**
 * Copies a disk and finishes the sink. Zeros are found while reading and not written. Takes the memory of `concurrency` + 1 buffers of
 * 2 MiB whatever the disk's size. A sink that is larger than the source has zeros at its end.
 */
export async function convert(
  source: DiskSource,
  sink: DiskSink,
  options: ConvertOptions = {},
): Promise<ConvertResult> {
  const { signal } = options
  if (sink.size < source.size) {
    throw diskErrors.size_mismatch({ what: 'The target disk', size: sink.size, expected: source.size })
  }
  const copy = new Copy(source, sink, options)
  await (sink.order === 'any' ? copy.inAnyOrder() : copy.inOrder())
  if (sink.size > source.size) await sink.zero(source.size, sink.size - source.size, { signal })
  await sink.finish({ signal })
  return { written: copy.written }
}

class Copy {
  readonly #source: DiskSource
  readonly #sink: DiskSink
  readonly #options: ConvertOptions
  readonly #concurrency: number
  /** Buffers that are not in use. */
  readonly #buffers: Uint8Array[]
  written = 0
  #done = 0

  constructor(source: DiskSource, sink: DiskSink, options: ConvertOptions) {
    this.#source = source
    this.#sink = sink
    this.#options = options
    this.#concurrency = Math.max(1, options.concurrency ?? 4)
    this.#buffers = takeBuffers(this.#concurrency + 1)
  }

  /** Each lane reads and writes one chunk after the other. The first failure stops them all. */
  async inAnyOrder(): Promise<void> {
    await using chunks = chunksOf(this.#source, chunkSize, this.#options)
    const stop = new AbortController()
    const lane = async (): Promise<void> => {
      try {
        while (!stop.signal.aborted) {
          const next = await chunks.next()
          if (next.done) return
          await this.#write(next.value, await this.#read(next.value))
        }
      } catch (error) {
        stop.abort()
        throw error
      }
    }
    const lanes = await Promise.allSettled(Array.from({ length: this.#concurrency }, lane))
    returnBuffers(this.#buffers)
    const failed = lanes.find((result) => result.status === 'rejected')
    if (failed) throw failed.reason
  }

  /** Reads ahead and writes one after the other. */
  async inOrder(): Promise<void> {
    const chunks = chunksOf(this.#source, chunkSize, this.#options)
    const read = async (chunk: Chunk): Promise<{ chunk: Chunk; bytes: Uint8Array | undefined }> => ({
      chunk,
      bytes: await this.#read(chunk),
    })
    for await (const { chunk, bytes } of mapOrdered(chunks, this.#concurrency, read)) await this.#write(chunk, bytes)
    returnBuffers(this.#buffers)
  }

  /** The bytes of a chunk in one of the buffers; nothing for zeros. */
  async #read(chunk: Chunk): Promise<Uint8Array | undefined> {
    const { signal } = this.#options
    if (chunk.data.length === 0) return undefined
    const buffer = this.#buffers.pop()
    if (!buffer) throw new TypeError('more chunks in flight than buffers')
    const bytes = buffer.subarray(0, chunk.length)
    try {
      await readChunk(this.#source, chunk, { into: bytes, signal })
    } catch (error) {
      this.#buffers.push(buffer)
      throw error
    }
    return bytes
  }

  async #write(chunk: Chunk, bytes: Uint8Array | undefined): Promise<void> {
    const { signal, progress } = this.#options
    signal?.throwIfAborted()
    let zeroFrom = 0
    for (const { start, end } of bytes ? dataRuns(bytes, this.#sink.granularity) : []) {
      if (start > zeroFrom) await this.#sink.zero(chunk.offset + zeroFrom, start - zeroFrom, { signal })
      if (bytes) await this.#sink.write(chunk.offset + start, bytes.subarray(start, end), { signal })
      this.written += end - start
      zeroFrom = end
    }
    if (zeroFrom < chunk.length) await this.#sink.zero(chunk.offset + zeroFrom, chunk.length - zeroFrom, { signal })
    if (bytes) this.#buffers.push(new Uint8Array(bytes.buffer, bytes.byteOffset, chunkSize))
    this.#done += chunk.length
    progress?.({ bytes: this.#done, total: this.#source.size })
  }
}

// Buffers of the last copy, kept because memory that was touched before is much faster than fresh memory.
let spare: Uint8Array[] = []
const mostSpare = 8

function takeBuffers(count: number): Uint8Array[] {
  if (spare.length < count) return alignedBuffers(count, chunkSize)
  const taken = spare.slice(0, count)
  spare = spare.slice(count)
  return taken
}

function returnBuffers(buffers: readonly Uint8Array[]): void {
  if (spare.length + buffers.length <= mostSpare) spare.push(...buffers)
}

/** As {@link convert}, from a disk that comes as a stream. */
export async function convertStream(
  stream: DiskStream,
  sink: DiskSink,
  options: ConvertOptions = {},
): Promise<ConvertResult> {
  const { signal, progress } = options
  if (sink.size < stream.size) {
    throw diskErrors.size_mismatch({ what: 'The target disk', size: sink.size, expected: stream.size })
  }
  if (sink.order === 'ascending' && stream.order === 'any') {
    throw diskErrors.not_streamable({ path: stream.info.format, what: 'its parts are not in the order of the disk' })
  }
  if (sink.granularity !== undefined) stream = regroup(stream, sink.granularity)
  let written = 0
  let end = 0
  for await (const { offset, bytes } of stream.parts({ signal })) {
    if (stream.order === 'ascending' && offset > end) await sink.zero(end, offset - end, { signal })
    for (const run of dataRuns(bytes, sink.granularity)) {
      await sink.write(offset + run.start, bytes.subarray(run.start, run.end), { signal })
      written += run.end - run.start
    }
    end = offset + bytes.length
    progress?.({ bytes: Math.min(end, stream.size), total: stream.size })
  }
  await sink.finish({ signal })
  progress?.({ bytes: stream.size, total: stream.size })
  return { written }
}

/** Gives the parts of a stream again on a grid, for sinks that take only whole units. */
function regroup(stream: DiskStream, unit: number): DiskStream {
  return {
    ...stream,
    size: stream.size,
    info: stream.info,
    order: stream.order,
    async *parts(options) {
      let open: { index: number; bytes: Uint8Array } | undefined
      for await (const { offset, bytes } of stream.parts(options)) {
        for (let done = 0; done < bytes.length;) {
          const index = Math.floor((offset + done) / unit)
          const start = (offset + done) % unit
          const piece = bytes.subarray(done, done + unit - start)
          const length = Math.min(unit, stream.size - index * unit)
          if (open && open.index !== index) {
            yield { offset: open.index * unit, bytes: open.bytes }
            open = undefined
          }
          open ??= { index, bytes: new Uint8Array(length) }
          open.bytes.set(piece, start)
          done += piece.length
        }
      }
      if (open) yield { offset: open.index * unit, bytes: open.bytes }
    },
  }
}
