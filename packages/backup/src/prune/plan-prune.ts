import type { BlobIndex } from '../index/blob-index.ts'
import { backupErrors } from '../errors.ts'
import { defaultPackSize } from '../pack/pack-writer.ts'
import type { Bitmap } from './bitmap.ts'
import { measurePacks, type PackUsage } from './pack-usage.ts'

export interface PruneOptions {
  /** Unused share of what stays that is not worth rewriting packs for; 0.05 when left out, as restic. 1 rewrites none. */
  readonly maxUnused?: number | undefined
  /** Bytes of packs that are rewritten at the most; unlimited when left out. */
  readonly maxRepack?: number | undefined
  /** Whether many small packs, as each incremental backup leaves one, are put together; yes when left out. */
  readonly mergeSmall?: boolean | undefined
  /** Size of new packs in bytes. */
  readonly packSize?: number | undefined
}

export type RemoveReason = 'nothing in it is used' | 'no index names it'
export type RepackReason = 'a part is unused' | 'it mixes data and trees' | 'it is small'

/** One pack that will go. Sizes in bytes. */
export interface PackDecision<R extends string = RemoveReason | RepackReason> {
  readonly pack: string
  readonly size: number
  readonly used: number
  readonly unused: number
  readonly because: R
}

/** What a prune would do; plain data for printing and `--json`. Sizes in bytes. */
export interface PrunePlan {
  /** Packs that are removed as they are. */
  readonly remove: readonly PackDecision<RemoveReason>[]
  /** Packs whose used blobs move into new packs; then they are removed. */
  readonly repack: readonly PackDecision<RepackReason>[]
  /** Packs that nothing happens to. */
  readonly keep: { readonly packs: number; readonly size: number; readonly unused: number }
  readonly blobs: { readonly used: number; readonly unused: number; readonly duplicate: number }
  /** Packs that an index names and that are not there. Nothing in them is needed, or there would be no plan. */
  readonly gone: readonly string[]
  /** Bytes that become free: removed packs less what is written anew. */
  readonly freed: number
}

/** Packs smaller than this share of the target are small. */
const smallShare = 0.25
/** Fewer small packs are left alone. */
const manySmall = 16

/**
 * Decides what happens to each pack. Pure, and linear in the number of blobs: seconds for a TiB.
 *
 * @param state the index, the blobs in use (see `markUsed`; a used copy in a pack that is gone is moved to one that is there), and name → size of
 *   all packs in the storage
 * Errors: `backup.prune_unsafe` when a blob in use is in no pack that is there, or a pack is shorter than its index says.
 */
export function planPrune(
  state: { index: BlobIndex; used: Bitmap; packs: ReadonlyMap<string, number> },
  options: PruneOptions = {},
): PrunePlan {
  const usage = measurePacks(state)
  const indexed = new Set(state.index.packs)
  const remove: PackDecision<RemoveReason>[] = []
  const candidates: PackUsage[] = []
  for (const pack of usage.packs) {
    if (pack.used > 0) candidates.push(pack)
    else remove.push(decision(pack, 'nothing in it is used'))
  }
  for (const [pack, size] of state.packs) {
    if (!indexed.has(pack)) remove.push({ pack, size, used: 0, unused: size, because: 'no index names it' })
  }
  const repack = chooseRepacks(candidates, options)
  const rewritten = new Set(repack.map(({ pack }) => pack))
  const kept = candidates.filter(({ pack }) => !rewritten.has(pack))
  return {
    remove,
    repack,
    keep: { packs: kept.length, size: sum(kept, 'size'), unused: sum(kept, 'unused') },
    blobs: usage.blobs,
    gone: usage.gone,
    freed: sum(remove, 'size') + sum(repack, 'unused'),
  }
}

function chooseRepacks(candidates: readonly PackUsage[], options: PruneOptions): PackDecision<RepackReason>[] {
  const { maxUnused = 0.05, maxRepack = Infinity, mergeSmall = true, packSize = defaultPackSize } = options
  if (!(maxUnused >= 0 && maxUnused <= 1)) throw backupErrors.prune_option({ option: 'maxUnused', value: maxUnused })
  const chosen: PackDecision<RepackReason>[] = []
  let budget = maxRepack
  const choose = (pack: PackUsage, because: RepackReason): boolean => {
    if (pack.size > budget) return false
    budget -= pack.size
    chosen.push(decision(pack, because))
    return true
  }
  const pure: PackUsage[] = []
  for (const pack of candidates) if (!pack.mixed || !choose(pack, 'it mixes data and trees')) pure.push(pack)
  // The share that may stay unused is of what the repository has afterwards: used + unused.
  const allowed = maxUnused === 1 ? Infinity : (maxUnused / (1 - maxUnused)) * sum(candidates, 'used')
  let unused = sum(pure, 'unused')
  const rest: PackUsage[] = []
  // Those with the largest unused share first: the most room for the least writing.
  for (const pack of pure.sort((a, b) => b.unused / b.size - a.unused / a.size)) {
    if (unused > allowed && pack.unused > 0 && choose(pack, 'a part is unused')) unused -= pack.unused
    else rest.push(pack)
  }
  if (mergeSmall) for (const pack of mergeable(rest, packSize)) choose(pack, 'it is small')
  return chosen
}

function mergeable(packs: readonly PackUsage[], packSize: number): PackUsage[] {
  const small = packs.filter(({ size, mixed }) => size < packSize * smallShare && !mixed)
  return (['data', 'tree'] as const).flatMap((type) => {
    const ofType = small.filter((pack) => pack.type === type)
    return ofType.length >= manySmall ? ofType : []
  })
}

function decision<R extends string>({ pack, size, used, unused }: PackUsage, because: R): PackDecision<R> {
  return { pack, size, used, unused, because }
}

function sum<K extends string>(items: readonly Readonly<Record<K, number>>[], key: K): number {
  let total = 0
  for (const item of items) total += item[key]
  return total
}
