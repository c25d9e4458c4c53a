import { mapOrdered } from '@nixen/core'
import { backupErrors } from '../errors.ts'
import type { IndexWriter } from '../index/index-writer.ts'
import { openBlob } from '../pack/blob-codec.ts'
import type { BlobLocation, BlobType } from '../pack/blob.ts'
import type { PackWriter } from '../pack/pack-writer.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import type { Bitmap } from './bitmap.ts'

/** Packs that are read ahead of the one being written: memory is three packs and the one that grows. */
const readAhead = 2
/** Unused bytes between two used blobs that are read along rather than asked for anew. */
const maxGap = 256 * 1024

export interface RepackOptions extends SignalOption {
  readonly packSize?: number | undefined
  /** Told after each pack, with its size in bytes. */
  readonly progress?: ((pack: string) => void) | undefined
}

/**
 * Copies the used blobs of `packs` into new packs, sealed as they are, each opened and compared with its id on the way. A copy that is damaged is
 * replaced by another one if the repository has one. When it resolves the new packs are durable, and handed to `index` (which is not flushed).
 *
 * Errors: `backup.blob_damaged`, storage's. Nothing was removed then.
 */
export async function repack(
  { repository, used, index }: { repository: Repository; used: Bitmap; index: IndexWriter },
  packs: readonly string[],
  options: RepackOptions = {},
): Promise<void> {
  const { signal, packSize } = options
  const writer = (): PackWriter =>
    repository.packWriter({ index, signal, ...(packSize !== undefined && { targetSize: packSize }) })
  const writers: Record<BlobType, PackWriter> = { data: writer(), tree: writer() }
  const live = usedBlobsOf(repository, used, packs)
  const loaded = mapOrdered(packs, readAhead, async (pack) => ({
    pack,
    blobs: await loadBlobs(repository, live.get(pack) ?? [], options),
  }))
  for await (const { pack, blobs } of loaded) {
    for (const { blob, sealed } of blobs) {
      signal?.throwIfAborted()
      const good = await checkedCopy(repository, { blob, sealed }, options)
      await writers[blob.type].addSealed(good.blob, good.sealed, { verified: true })
    }
    options.progress?.(pack)
  }
  await writers.data.flush()
  await writers.tree.flush()
}

interface SealedBlob {
  readonly blob: BlobLocation
  readonly sealed: Uint8Array
}

function usedBlobsOf(repository: Repository, used: Bitmap, packs: readonly string[]): Map<string, BlobLocation[]> {
  const { index } = repository
  const wanted = new Map<string, BlobLocation[]>(packs.map((pack) => [pack, []]))
  const byNumber = index.packs.map((pack) => wanted.get(pack))
  for (let entry = 0, size = index.size; entry < size; entry++) {
    if (used.has(entry)) byNumber[index.packNumber(entry)]?.push(index.location(entry))
  }
  for (const blobs of wanted.values()) blobs.sort((a, b) => a.offset - b.offset)
  return wanted
}

async function loadBlobs(
  repository: Repository,
  blobs: readonly BlobLocation[],
  { signal }: SignalOption,
): Promise<SealedBlob[]> {
  const loaded: SealedBlob[] = []
  for (const group of neighbours(blobs)) {
    const [first] = group
    const last = group.at(-1)
    if (!first || !last) continue
    const range = { offset: first.offset, length: last.offset + last.length - first.offset }
    const bytes = await repository.storage.load(
      { kind: 'data', name: first.pack },
      { signal, ...range, cache: 'bypass' },
    )
    for (const blob of group) {
      const at = blob.offset - range.offset
      loaded.push({ blob, sealed: bytes.subarray(at, at + blob.length) })
    }
  }
  return loaded
}

/** Blobs in the order of their offsets, cut where too much unused lies between. */
export function neighbours<B extends { readonly offset: number; readonly length: number }>(blobs: readonly B[]): B[][] {
  const groups: B[][] = []
  let end = -Infinity
  for (const blob of blobs) {
    if (blob.offset - end > maxGap) groups.push([])
    groups.at(-1)?.push(blob)
    end = blob.offset + blob.length
  }
  return groups
}

async function checkedCopy(
  repository: Repository,
  { blob, sealed }: SealedBlob,
  { signal }: SignalOption,
): Promise<SealedBlob> {
  const opened = openBlob(sealed, blob, repository.sealer)
  if (!('reason' in opened)) return { blob, sealed }
  for (const place of repository.index.locateAll(blob.type, blob.id)) {
    if (place.pack === blob.pack) continue
    const other = await loadBlobs(repository, [place], { signal }).catch(() => [])
    const [copy] = other
    if (copy && !('reason' in openBlob(copy.sealed, place, repository.sealer))) return copy
  }
  throw backupErrors.blob_damaged({ blob: blob.id, pack: blob.pack, reason: opened.reason })
}
