import { createGunzip, createGzip, createZstdCompress, createZstdDecompress, constants } from 'node:zlib'
import type { ByteStream } from '@nixen/core'
import { diskErrors } from '../errors.ts'

/** Compression around a stream. */
export type StreamCompression = 'none' | 'gzip' | 'zstd'

/** Which compression a stream has, by its first bytes. */
export function compressionOf(head: Uint8Array): StreamCompression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
  const zstd = head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd
  return zstd ? 'zstd' : 'none'
}

/** Finds out the compression of a stream and takes it off. Damage is `disk.corrupt`. */
export async function decompress(
  stream: ByteStream,
  path = 'The stream',
): Promise<{ readonly compression: StreamCompression; readonly stream: ByteStream }> {
  const iterator = stream[Symbol.asyncIterator]()
  const head: Uint8Array[] = []
  let length = 0
  while (length < 4) {
    const next = await iterator.next()
    if (next.done) break
    if (next.value.length > 0) head.push(next.value)
    length += next.value.length
  }
  const whole = resumed(head, iterator)
  const compression = compressionOf(Buffer.concat(head).subarray(0, 4))
  return { compression, stream: compression === 'none' ? whole : inflated(whole, compression, path) }
}

/** Puts compression around a stream: levels that keep up with disks (zstd 1, gzip 1). */
export function compress(stream: ByteStream, compression: StreamCompression): ByteStream {
  if (compression === 'none') return stream
  const transform =
    compression === 'gzip'
      ? createGzip({ level: 1, chunkSize: 256 * 1024 })
      : createZstdCompress({
          chunkSize: 256 * 1024,
          params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
        })
  return through(stream, transform)
}

async function* inflated(stream: ByteStream, compression: 'gzip' | 'zstd', path: string): AsyncGenerator<Uint8Array> {
  const options = { chunkSize: 256 * 1024 }
  const transform = compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options)
  try {
    yield* through(stream, transform)
  } catch (cause) {
    const damaged = cause instanceof Error && 'code' in cause && /^(Z_|ZSTD_)/.test(String(cause.code))
    if (!damaged) throw cause
    throw diskErrors.corrupt({ path, what: `its ${compression} compression is damaged or cut off` }, { cause })
  }
}

async function* through(
  stream: ByteStream,
  transform: ReturnType<typeof createGzip> | ReturnType<typeof createZstdCompress>,
): AsyncGenerator<Uint8Array> {
  const pumping = pump(stream, transform)
  try {
    for await (const part of transform) {
      // Transforms of zlib only make buffers.
      yield part as Uint8Array
    }
  } finally {
    transform.destroy()
    await pumping
  }
}

/** Feeds a transform. The next part is only asked for when the last one was used up: its memory may be used again. */
async function pump(
  stream: ByteStream,
  transform: ReturnType<typeof createGzip> | ReturnType<typeof createZstdCompress>,
): Promise<void> {
  const closed = new Promise<void>((resolve) => void transform.once('close', () => resolve()))
  try {
    for await (const part of stream) {
      const taken = new Promise<void>((resolve) => void transform.write(part, () => resolve()))
      await Promise.race([taken, closed])
      if (transform.destroyed) return
    }
    transform.end()
  } catch (error) {
    // Whoever reads the transform gets it.
    transform.destroy(error instanceof Error ? error : new Error(String(error)))
  }
}

async function* resumed(head: readonly Uint8Array[], iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* head
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value
  } finally {
    await iterator.return?.()
  }
}
