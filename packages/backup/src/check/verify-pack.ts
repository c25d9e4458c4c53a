import { release } from '../crypto/memory.ts'
import type { Sealer } from '../crypto/seal.ts'
import { openBlob, sha256Hex } from '../pack/blob-codec.ts'
import type { PackedBlob } from '../pack/blob.ts'
import { readHeader } from '../pack/pack-header.ts'

/** What is wrong with one pack. All empty: nothing. */
export interface PackReport {
  /** Why the pack as a whole is not what it should be. */
  readonly pack: readonly string[]
  /** Blobs that can't be read, and why. */
  readonly blobs: readonly { readonly blob: PackedBlob; readonly reason: string }[]
  /** How its header and the index disagree. */
  readonly differs: readonly string[]
}

/** Checks every byte of a pack: its hash, its header against the index (`indexed`, absent when no index names it), and each blob. */
export function verifyPack(
  bytes: Uint8Array,
  { name, indexed, sealer }: { name: string; indexed: readonly PackedBlob[] | undefined; sealer: Sealer },
): PackReport {
  const pack: string[] = []
  if (sha256Hex(bytes) !== name) pack.push('its content does not have the SHA-256 it is named by')
  const header = readHeader(bytes, bytes.length, sealer)
  if ('reason' in header) pack.push(header.reason)
  const inside = 'blobs' in header ? header.blobs : undefined
  const differs = inside && indexed ? compareBlobs(indexed, inside) : []
  const blobs: { blob: PackedBlob; reason: string }[] = []
  for (const blob of union(indexed ?? [], inside ?? [])) {
    const reason = wrongWith(bytes, blob, sealer)
    if (reason !== undefined) blobs.push({ blob, reason })
  }
  return { pack, blobs, differs }
}

/** How the blobs of an index and of a pack's header differ; empty when they name the same. */
export function compareBlobs(indexed: readonly PackedBlob[], inside: readonly PackedBlob[]): string[] {
  const known = new Set(inside.map(keyOf))
  const named = new Set(indexed.map(keyOf))
  return [
    ...indexed
      .filter((blob) => !known.has(keyOf(blob)))
      .map((blob) => `the index names ${describe(blob)}, its header does not`),
    ...inside
      .filter((blob) => !named.has(keyOf(blob)))
      .map((blob) => `its header names ${describe(blob)}, the index does not`),
  ]
}

function union(a: readonly PackedBlob[], b: readonly PackedBlob[]): PackedBlob[] {
  return [...new Map([...a, ...b].map((blob) => [keyOf(blob), blob])).values()]
}

function wrongWith(bytes: Uint8Array, blob: PackedBlob, sealer: Sealer): string | undefined {
  if (blob.offset + blob.length > bytes.length) return 'it lies beyond the end of the pack'
  const opened = openBlob(bytes.subarray(blob.offset, blob.offset + blob.length), blob, sealer)
  if ('reason' in opened) return opened.reason
  release(opened.content)
  return undefined
}

function keyOf({ type, id, offset, length, uncompressedLength = 0 }: PackedBlob): string {
  return `${type}${id}${offset}/${length}/${uncompressedLength}`
}

function describe({ type, id, offset, length }: PackedBlob): string {
  return `${type} blob ${id.slice(0, 12)} (${length} bytes at ${offset})`
}
