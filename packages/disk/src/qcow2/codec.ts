import { promisify } from 'node:util'
import { constants, deflateRaw, inflateRaw, zstdCompress, zstdDecompress } from 'node:zlib'
import { viewOf } from '@nixen/core'
import type { Qcow2Compression } from './header.ts'

const deflate = promisify(deflateRaw)
const inflate = promisify(inflateRaw)
const zstd = promisify(zstdCompress)
const unzstd = promisify(zstdDecompress)

/** Compresses one cluster; QEMU's readers give zlib a window of 4 KiB, so that is the largest. */
export async function compressCluster(bytes: Uint8Array, method: Qcow2Compression): Promise<Uint8Array> {
  // The size that is told lets zstd choose small tables: with those for endless streams it takes twice as long.
  const sizes = { chunkSize: bytes.length, pledgedSrcSize: bytes.length }
  if (method === 'zstd') return await zstd(bytes, { ...sizes, params: { [constants.ZSTD_c_compressionLevel]: 3 } })
  return await deflate(bytes, { windowBits: 12, memLevel: 9, chunkSize: bytes.length })
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
