import { viewOf } from '@nixen/core'
import type { Sealer } from '../crypto/seal.ts'
import { sealOverhead } from '../crypto/seal.ts'
import type { BlobType, PackedBlob } from './blob.ts'

/** Header entry: type (1), length (4), for compressed blobs the plain length (4), id (32). All little-endian. */
const plainEntryLength = 37
const compressedEntryLength = 41

/** The last bytes of a pack: length of the sealed header, 32 bits little-endian. */
export const trailerLength = 4

/** More is not believed: 16 MiB are 400,000 blobs. */
export const maxHeaderLength: number = 16 * 1024 * 1024

/** Length of header and trailer for `blobs`, to know how long the pack becomes. */
export function headerLength(blobs: readonly Pick<PackedBlob, 'uncompressedLength'>[]): number {
  let length = sealOverhead + trailerLength
  for (const blob of blobs) length += blob.uncompressedLength === undefined ? plainEntryLength : compressedEntryLength
  return length
}

/** The plain header; blobs in the order of their offsets, without gaps. */
export function encodeHeader(blobs: readonly PackedBlob[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(headerLength(blobs) - sealOverhead - trailerLength)
  const view = viewOf(bytes)
  let at = 0
  for (const { type, id, length, uncompressedLength } of blobs) {
    view.setUint8(at, (type === 'tree' ? 1 : 0) + (uncompressedLength === undefined ? 0 : 2))
    view.setUint32(at + 1, length, true)
    at += 5
    if (uncompressedLength !== undefined) {
      view.setUint32(at, uncompressedLength, true)
      at += 4
    }
    bytes.set(Buffer.from(id, 'hex'), at)
    at += 32
  }
  return bytes
}

/** Blobs of a plain header, or the reason why it is none. */
export function decodeHeader(bytes: Uint8Array): { blobs: PackedBlob[] } | { reason: string } {
  const view = viewOf(bytes)
  const blobs: PackedBlob[] = []
  let at = 0
  let offset = 0
  while (at < bytes.length) {
    const kind = view.getUint8(at)
    if (kind > 3) return { reason: `its header names a blob of the unknown type ${kind}` }
    const compressed = kind >= 2
    if (at + (compressed ? compressedEntryLength : plainEntryLength) > bytes.length) {
      return { reason: 'its header ends inside of an entry' }
    }
    const type: BlobType = kind % 2 === 1 ? 'tree' : 'data'
    const length = view.getUint32(at + 1, true)
    const uncompressedLength = compressed ? view.getUint32(at + 5, true) : undefined
    at += compressed ? 9 : 5
    const id = Buffer.from(bytes.subarray(at, at + 32)).toString('hex')
    at += 32
    blobs.push({ type, id, offset, length, ...(compressed ? { uncompressedLength } : {}) })
    offset += length
  }
  return { blobs }
}

/** Writes the sealed header and the trailer into `out`; returns their length. */
export function writeHeader(blobs: readonly PackedBlob[], sealer: Sealer, out: Uint8Array): number {
  const length = sealer.sealInto(encodeHeader(blobs), out)
  viewOf(out).setUint32(length, length, true)
  return length + trailerLength
}

/** Blobs of the pack whose last bytes are `tail`, out of `size` bytes, or the reason why they can't be told, or how many bytes are needed. */
export function readHeader(
  tail: Uint8Array,
  size: number,
  sealer: Sealer,
): { blobs: PackedBlob[] } | { reason: string } | { needed: number } {
  if (size < trailerLength + sealOverhead) return { reason: `it has only ${size} bytes` }
  const length = viewOf(tail).getUint32(tail.length - trailerLength, true)
  if (length < sealOverhead || length > size - trailerLength || length > maxHeaderLength) {
    return { reason: `its trailer gives a header of ${length} bytes` }
  }
  const needed = length + trailerLength
  if (needed > tail.length) return { needed }
  const plain = sealer.open(tail.subarray(tail.length - needed, tail.length - trailerLength))
  if (!plain) return { reason: 'its header does not match its authentication code' }
  const header = decodeHeader(plain)
  if ('reason' in header) return header
  const last = header.blobs.at(-1)
  if ((last ? last.offset + last.length : 0) !== size - needed) {
    return { reason: 'its blobs do not fill it' }
  }
  return header
}
