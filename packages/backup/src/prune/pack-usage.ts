import { backupErrors } from '../errors.ts'
import type { BlobIndex } from '../index/blob-index.ts'
import type { BlobType } from '../pack/blob.ts'
import { headerLength } from '../pack/pack-header.ts'
import type { Bitmap } from './bitmap.ts'

/** How much of a pack is in use. Sizes in bytes; headers count as used as long as anything is. */
export interface PackUsage {
  readonly pack: string
  readonly size: number
  readonly used: number
  readonly unused: number
  readonly type: BlobType
  readonly mixed: boolean
}

export interface Usage {
  /** Packs that an index names and that are there. */
  readonly packs: PackUsage[]
  /** Packs that an index names and that are not there. */
  readonly gone: string[]
  readonly blobs: { used: number; unused: number; duplicate: number }
}

interface State {
  readonly index: BlobIndex
  readonly used: Bitmap
  readonly packs: ReadonlyMap<string, number>
}

const packOverhead = headerLength([])
const plainEntry = headerLength([{}]) - packOverhead
const compressedEntry = headerLength([{ uncompressedLength: 1 }]) - packOverhead

/**
 * Sums up all packs in one pass over the index.
 *
 * Errors: `backup.prune_unsafe`.
 */
export function measurePacks({ index, used, packs }: State): Usage {
  const gone = new Set<number>()
  for (const [number, pack] of index.packs.entries()) if (!packs.has(pack)) gone.add(number)
  if (gone.size > 0) moveMarks({ index, used, packs }, gone)
  const count = index.packs.length
  const expected = new Float64Array(count).fill(packOverhead)
  const unused = new Float64Array(count)
  const usedBlobs = new Uint32Array(count)
  const types = new Uint8Array(count)
  let unusedBlobs = 0
  let duplicates = 0
  for (let entry = 0, size = index.size; entry < size; entry++) {
    const pack = index.packNumber(entry)
    if (gone.has(pack)) continue
    const type = index.typeOf(entry)
    const length = index.storedLength(entry) + (index.isCompressed(entry) ? compressedEntry : plainEntry)
    expected[pack] = (expected[pack] ?? 0) + length
    types[pack] = (types[pack] ?? 0) | (type === 'tree' ? 2 : 1)
    if (used.has(entry)) {
      usedBlobs[pack] = (usedBlobs[pack] ?? 0) + 1
      continue
    }
    unused[pack] = (unused[pack] ?? 0) + length
    // The marked copy of a blob is the one that a search finds.
    const first = index.find(type, index.idOf(entry))
    if (first !== entry && used.has(first)) duplicates++
    else unusedBlobs++
  }
  const usage: PackUsage[] = []
  for (const [number, pack] of index.packs.entries()) {
    const size = packs.get(pack)
    if (size === undefined) continue
    const nothingUsed = usedBlobs[number] === 0
    if (!nothingUsed && size < (expected[number] ?? 0)) {
      throw backupErrors.prune_unsafe({
        reason: `pack ${pack} has ${size} bytes, and its index says ${expected[number]}`,
      })
    }
    const free = nothingUsed ? size : (unused[number] ?? 0)
    usage.push({
      pack,
      size,
      used: size - free,
      unused: free,
      type: types[number] === 2 ? 'tree' : 'data',
      mixed: types[number] === 3,
    })
  }
  return {
    packs: usage,
    gone: [...gone].map((number) => index.packs[number] ?? ''),
    blobs: { used: used.count, unused: unusedBlobs, duplicate: duplicates },
  }
}

/** Marks that stand on packs that are gone move to another copy of the blob. Rare, and then a set of strings is fine. */
function moveMarks({ index, used }: State, gone: ReadonlySet<number>): void {
  const lost = new Set<string>()
  for (let entry = 0; entry < index.size; entry++) {
    if (!used.has(entry) || !gone.has(index.packNumber(entry))) continue
    lost.add(index.typeOf(entry) + index.idOf(entry).toString('hex'))
    used.delete(entry)
  }
  if (lost.size === 0) return
  for (let entry = 0; entry < index.size; entry++) {
    if (gone.has(index.packNumber(entry))) continue
    if (lost.delete(index.typeOf(entry) + index.idOf(entry).toString('hex'))) used.add(entry)
  }
  const [first] = lost
  if (first === undefined) return
  throw backupErrors.prune_unsafe({
    reason: `${lost.size} blobs that restore points need are in packs that are gone, the first is ${first.slice(4)}`,
  })
}
