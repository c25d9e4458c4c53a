import { isRecord } from '@nixen/core'
import type { PackedBlob, PackEntry } from '../pack/blob.ts'

const idPattern = /^[0-9a-f]{64}$/

/** Blobs after which an index file is full: about 7 MiB of JSON (restic's limit is 50,000 as well). */
export const maxIndexedBlobs = 40_000

/** The JSON of an index file (restic's design document, "Indexing"). */
export function encodeIndex(packs: readonly PackEntry[]): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      packs: packs.map(({ id, blobs }) => ({
        id,
        blobs: blobs.map(({ id, type, offset, length, uncompressedLength }) =>
          uncompressedLength === undefined
            ? { id, type, offset, length }
            : { id, type, offset, length, uncompressed_length: uncompressedLength },
        ),
      })),
    }),
  )
}

/** Packs of an index file, or the reason why it is none. `supersedes` of old versions of restic means nothing any more. */
export function decodeIndex(json: Uint8Array): { packs: PackEntry[] } | { reason: string } {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString('utf8'))
  } catch {
    return { reason: 'it is not JSON' }
  }
  const list = isRecord(value) ? value['packs'] : undefined
  if (list === null) return { packs: [] }
  if (!Array.isArray(list)) return { reason: 'it has no list of packs' }
  const packs: PackEntry[] = []
  for (const entry of list as unknown[]) {
    const pack = decodePack(entry)
    if (!pack) return { reason: `entry ${packs.length} of its packs is invalid` }
    packs.push(pack)
  }
  return { packs }
}

function decodePack(entry: unknown): PackEntry | undefined {
  if (!isRecord(entry) || !isId(entry['id']) || !Array.isArray(entry['blobs'])) return undefined
  const blobs: PackedBlob[] = []
  for (const item of entry['blobs'] as unknown[]) {
    const blob = decodeBlob(item)
    if (!blob) return undefined
    blobs.push(blob)
  }
  return { id: entry['id'], blobs }
}

function decodeBlob(item: unknown): PackedBlob | undefined {
  if (!isRecord(item)) return undefined
  const { id, type, offset, length, uncompressed_length: plain } = item
  if (!isId(id) || (type !== 'data' && type !== 'tree')) return undefined
  if (!isU32(offset) || !isU32(length)) return undefined
  if (plain === undefined || plain === 0) return { id, type, offset, length }
  return isU32(plain) ? { id, type, offset, length, uncompressedLength: plain } : undefined
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && idPattern.test(value)
}

function isU32(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff
}
