import { hash } from 'node:crypto'
import { equalBytes } from '@nixen/core'
import { decompressTo } from '../crypto/compression.ts'
import { release } from '../crypto/memory.ts'
import { sealOverhead, type Sealer } from '../crypto/seal.ts'
import type { PackedBlob } from './blob.ts'

/** More plain bytes are not believed of a blob of a file: restic cuts at 8 MiB. */
export const maxDataBlob: number = 128 * 1024 * 1024

/** SHA-256 of `content` as bytes: the id of a blob, the name of a file. */
export function sha256(content: Uint8Array): Uint8Array {
  return hash('sha256', content, 'buffer')
}

/** SHA-256 of `content` as hexadecimal digits. */
export function sha256Hex(content: Uint8Array): string {
  return hash('sha256', content, 'hex')
}

/** Plain content of the sealed bytes of a blob, checked against its id; or the reason why there is none. */
export function openBlob(
  sealed: Uint8Array,
  blob: Pick<PackedBlob, 'id' | 'uncompressedLength'>,
  sealer: Sealer,
): { content: Uint8Array } | { reason: string } {
  const opened = unsealBlob(sealed, blob, sealer)
  if ('reason' in opened) return opened
  if (!equalBytes(sha256(opened.content), Buffer.from(blob.id, 'hex'))) {
    return { reason: 'its content does not have the SHA-256 it is named by' }
  }
  return opened
}

/** As `openBlob` for a blob that is not compressed, with its content written to the beginning of `out`; the reason when there is none. */
export function openBlobInto(
  sealed: Uint8Array,
  out: Uint8Array,
  { id, sealer }: { id: string; sealer: Sealer },
): string | undefined {
  if (sealed.length < sealOverhead) return 'it is too short'
  const content = out.subarray(0, sealed.length - sealOverhead)
  if (!sealer.openInto(sealed, content)) return 'its bytes do not match their authentication code'
  return sha256Hex(content) === id ? undefined : 'its content does not have the SHA-256 it is named by'
}

function unsealBlob(
  sealed: Uint8Array,
  { uncompressedLength }: Pick<PackedBlob, 'uncompressedLength'>,
  sealer: Sealer,
): { content: Uint8Array } | { reason: string } {
  if (sealed.length < sealOverhead) return { reason: 'it is too short' }
  const plain = sealer.open(sealed)
  if (!plain) return { reason: 'its bytes do not match their authentication code' }
  if (uncompressedLength === undefined) return { content: plain }
  if (uncompressedLength > 0xffff_ffff) return { reason: 'its length is beyond all reason' }
  const content = decompressTo(plain, uncompressedLength)
  release(plain)
  return content ? { content } : { reason: 'it does not decompress to the length it should have' }
}
