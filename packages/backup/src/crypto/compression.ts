import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { release } from './memory.ts'

/** Level of zstd for disks and metadata. */
const level = 1
const params = { [constants.ZSTD_c_compressionLevel]: level }
const probeLength = 8 * 1024
/** The output is no larger than it must be: what is left of it waits for the garbage collector. */
const probe = { params, chunkSize: probeLength + 512 }
const minimumGain = 0.97

/** Above this size a blob is only compressed if samples of it can be. */
const probeFrom = 64 * 1024

/** zstd-compressed `bytes`, or `undefined` when that would hardly make them smaller: they are then stored as they are. */
export function compressBlob(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length >= probeFrom && !looksCompressible(bytes)) return undefined
  const compressed = compress(bytes)
  if (compressed.length < bytes.length * minimumGain) return compressed
  release(compressed)
  return undefined
}

/** One zstd frame with `bytes`. */
export function compress(bytes: Uint8Array): Uint8Array {
  // One output of this size always holds the frame (ZSTD_compressBound), so there is nothing to join afterwards.
  const bound = bytes.length + (bytes.length >>> 8) + 4096
  return zstdCompressSync(bytes, { params, chunkSize: bound, maxOutputLength: bound + 64 })
}

/** Content of a zstd frame that must have `length` bytes; `undefined` when it is no frame or has another length. */
export function decompressTo(bytes: Uint8Array, length: number): Uint8Array | undefined {
  try {
    const plain = zstdDecompressSync(bytes, { chunkSize: Math.max(length, 64), maxOutputLength: Math.max(length, 1) })
    return plain.length === length ? plain : undefined
  } catch {
    // The caller knows what is damaged.
    return undefined
  }
}

/** Content of a zstd frame, up to `limit` bytes; `undefined` when it is no frame or longer. */
export function decompress(bytes: Uint8Array, limit: number): Uint8Array | undefined {
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: limit, chunkSize: 256 * 1024 })
  } catch {
    // The caller knows what is damaged.
    return undefined
  }
}

/** Tries three samples: at the beginning, the middle and the end. Random and encrypted data fails all of them. */
function looksCompressible(bytes: Uint8Array): boolean {
  const last = bytes.length - probeLength
  for (const at of [0, last >>> 1, last]) {
    const sample = bytes.subarray(at, at + probeLength)
    if (zstdCompressSync(sample, probe).length < probeLength * minimumGain) return true
  }
  return false
}
