import { compressBlob, decompressTo } from '../crypto/compression.ts'
import { equalBytes } from '@nixen/core'
import type { Sealer } from '../crypto/seal.ts'
import { sha256 } from '../pack/blob-codec.ts'
import type { BlobLocation } from '../pack/blob.ts'

/** Blobs of one pack, as they were loaded: `bytes` begins at `offset` of the pack. */
export interface SealedPart {
  readonly offset: number
  readonly bytes: Uint8Array
  readonly blobs: readonly BlobLocation[]
  /** The source is of version 1, which does not compress: the target does. */
  readonly compress: boolean
}

/** A blob under the other key, or why its content is not what it should be. */
export type Resealed =
  | { readonly sealed: Uint8Array; readonly uncompressedLength: number | undefined; readonly size: number }
  | { readonly reason: string }

/** Puts blobs under another key: what is compressed stays so. Each content is compared with its id, and what was sealed is opened again. */
export function reseal(
  { offset, bytes, blobs, compress }: SealedPart,
  { from, to }: { from: Sealer; to: Sealer },
): Resealed[] {
  return blobs.map((blob) => {
    const payload = from.open(bytes.subarray(blob.offset - offset, blob.offset - offset + blob.length))
    if (!payload) return { reason: 'its bytes do not match their authentication code' }
    const { uncompressedLength } = blob
    const content = uncompressedLength === undefined ? payload : decompressTo(payload, uncompressedLength)
    if (!content) return { reason: 'it does not decompress to the length it should have' }
    if (!equalBytes(sha256(content), Buffer.from(blob.id, 'hex'))) {
      return { reason: 'its content does not have the SHA-256 it is named by' }
    }
    const compressed = compress && uncompressedLength === undefined ? compressBlob(content) : undefined
    const stored = compressed ?? payload
    const sealed = to.seal(stored)
    const again = to.open(sealed)
    if (!again || Buffer.compare(again, stored) !== 0) throw new Error(`blob ${blob.id} could not be sealed`)
    const size = content.length
    return { sealed, uncompressedLength: compressed ? size : uncompressedLength, size }
  })
}
