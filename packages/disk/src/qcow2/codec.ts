import { promisify } from 'node:util'
import { constants, createZstdCompress, deflateRaw, inflateRaw, zstdDecompress, type ZstdCompress } from 'node:zlib'
import { concatBytes, Semaphore, viewOf } from '@nixen/core'
import type { Qcow2Compression } from './header.ts'

const deflate = promisify(deflateRaw)
const inflate = promisify(inflateRaw)
const unzstd = promisify(zstdDecompress)

/** Compresses clusters of one size, several at once. */
export interface ClusterCompressor extends Disposable {
  compress(cluster: Uint8Array): Promise<Uint8Array>
}

/** Compressions at once: as many as Node has threads for them. */
const lanes = 4

/** A compressor for clusters of `size` bytes. */
export function clusterCompressor(method: Qcow2Compression, size: number): ClusterCompressor {
  if (method === 'zstd') return new ZstdCompressor(size)
  const places = new Semaphore(lanes)
  return {
    // QEMU's readers give zlib a window of 4 KiB, so that is the largest.
    compress: (cluster) => places.run(() => deflate(cluster, { windowBits: 12, memLevel: 9, chunkSize: size })),
    [Symbol.dispose]: () => undefined,
  }
}

/** Keeps its zstd contexts: making one for each cluster takes twice as long as compressing it. */
class ZstdCompressor implements ClusterCompressor {
  readonly #size: number
  readonly #places = new Semaphore(lanes)
  readonly #free: ZstdStream[] = []

  constructor(size: number) {
    this.#size = size
  }

  async compress(cluster: Uint8Array): Promise<Uint8Array> {
    using _place = await this.#places.acquire()
    const stream = this.#free.pop() ?? new ZstdStream(this.#size)
    const packed = await stream.frame(cluster)
    this.#free.push(stream)
    return packed
  }

  [Symbol.dispose](): void {
    for (const stream of this.#free) stream[Symbol.dispose]()
    this.#free.length = 0
  }
}

/** One zstd context that makes a frame of each cluster. */
class ZstdStream implements Disposable {
  readonly #stream: ZstdCompress
  #parts: Uint8Array[] = []
  #failed: ((error: Error) => void) | undefined

  constructor(size: number) {
    // A window of one cluster: with that for endless streams the tables would be larger than what they are for.
    const params = {
      [constants.ZSTD_c_compressionLevel]: 3,
      [constants.ZSTD_c_windowLog]: Math.max(10, Math.log2(size)),
    }
    this.#stream = createZstdCompress({ chunkSize: size + 1024, params })
    this.#stream.on('data', (part: Uint8Array) => this.#parts.push(part))
    this.#stream.on('error', (error) => this.#failed?.(error))
  }

  async frame(bytes: Uint8Array): Promise<Uint8Array> {
    await new Promise<void>((resolve, reject) => {
      this.#failed = reject
      this.#stream.write(bytes)
      this.#stream.flush(constants.ZSTD_e_end, resolve)
    })
    const [only, ...more] = this.#parts
    this.#parts = []
    return only && more.length === 0 ? only : concatBytes(only ? [only, ...more] : [])
  }

  [Symbol.dispose](): void {
    this.#stream.destroy()
  }
}

/**
 * Decompresses one cluster of `size` bytes. What follows the compressed data belongs to other clusters. `undefined` when the data is not
 * what it should be.
 */
export async function decompressCluster(
  bytes: Uint8Array,
  method: Qcow2Compression,
  size: number,
): Promise<Uint8Array | undefined> {
  try {
    const limits = { chunkSize: size, maxOutputLength: size }
    const whole =
      method === 'zlib' ? await inflate(bytes, limits) : await unzstd(bytes.subarray(0, zstdFrameLength(bytes)), limits)
    return whole.length === size ? whole : undefined
  } catch {
    // The reader says where the damage is.
    return undefined
  }
}

const zstdMagic = 0xfd2f_b528

/**
 * Bytes of the zstd frame at the start (RFC 8878 §3.1.1); all when it is not one. Node's decompressor would take what follows for another
 * frame.
 */
function zstdFrameLength(bytes: Uint8Array): number {
  const view = viewOf(bytes)
  if (bytes.length < 6 || view.getUint32(0, true) !== zstdMagic) return bytes.length
  const descriptor = view.getUint8(4)
  const single = (descriptor & 0x20) !== 0
  const sizeFlag = descriptor >> 6
  const contentSize = sizeFlag === 0 ? (single ? 1 : 0) : 1 << sizeFlag
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0
  let at = 5 + (single ? 0 : 1) + dictionary + contentSize
  for (let last = false; !last;) {
    if (at + 3 > bytes.length) return bytes.length
    const block = view.getUint8(at) | (view.getUint8(at + 1) << 8) | (view.getUint8(at + 2) << 16)
    last = (block & 1) !== 0
    // A run-length block holds one byte whatever its size.
    at += 3 + (((block >> 1) & 3) === 1 ? 1 : block >> 3)
  }
  return Math.min(bytes.length, at + ((descriptor & 4) !== 0 ? 4 : 0))
}
