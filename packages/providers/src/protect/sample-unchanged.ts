import { forEachConcurrent, type Random } from '@nixen/core'
import type { DiskSource, Extent } from '@nixen/disk'

export interface SampleOptions {
  /** What may differ, ascending, as {@link OpenedDisk.changed} has it. */
  readonly changed: readonly Extent[]
  /** Blocks to compare; 64 when left out. */
  readonly samples?: number | undefined
  /** Bytes of a block; 64 KiB when left out. */
  readonly blockSize?: number | undefined
  readonly random: Random
  readonly signal?: AbortSignal | undefined
}

/** Blocks that are compared at the same time. */
const atOnce = 4

export interface SampleResult {
  readonly checked: number
  /** Blocks that were said to be the same and are not: the host's record of changes is wrong, and all has to be read. */
  readonly differing: readonly { readonly offset: number; readonly length: number }[]
}

/**
 * Compares some blocks that did not change, as the host says, with the restore point. Blocks are chosen by chance among all that lie wholly
 * outside of `changed`.
 *
 * @param now the frozen disk; a source with random access
 * @param before the disk in the restore point
 */
export async function sampleUnchanged(
  now: DiskSource,
  before: DiskSource,
  options: SampleOptions,
): Promise<SampleResult> {
  const { changed, samples = 64, blockSize = 64 * 1024, random, signal } = options
  const size = Math.min(now.size, before.size)
  const gaps = unchangedBlocks(changed, { size, blockSize })
  const count = gaps.reduce((sum, gap) => sum + gap.blocks, 0)
  const differing: { offset: number; length: number }[] = []
  const chosen = choose(count, samples, random)
  const free: Uint8Array[] = []
  await forEachConcurrent(chosen, atOnce, async (index) => {
    signal?.throwIfAborted()
    const offset = blockAt(gaps, index) * blockSize
    const length = Math.min(blockSize, size - offset)
    const both = free.pop() ?? new Uint8Array(2 * blockSize)
    const [a, b] = [both.subarray(0, length), both.subarray(blockSize, blockSize + length)]
    await Promise.all([now.read(offset, a, { signal }), before.read(offset, b, { signal })])
    if (Buffer.compare(a, b) !== 0) differing.push({ offset, length })
    free.push(both)
  })
  return { checked: chosen.length, differing: differing.toSorted((a, b) => a.offset - b.offset) }
}

interface Gap {
  /** Number of the first block. */
  readonly first: number
  readonly blocks: number
}

/** Runs of blocks that no changed range touches. */
function unchangedBlocks(
  changed: readonly Extent[],
  { size, blockSize }: { size: number; blockSize: number },
): readonly Gap[] {
  const gaps: Gap[] = []
  let next = 0
  const until = (end: number): void => {
    if (end > next) gaps.push({ first: next, blocks: end - next })
  }
  for (const { offset, length } of changed) {
    until(Math.floor(offset / blockSize))
    next = Math.max(next, Math.ceil((offset + length) / blockSize))
  }
  until(Math.ceil(size / blockSize))
  return gaps
}

function blockAt(gaps: readonly Gap[], index: number): number {
  let left = index
  for (const { first, blocks } of gaps) {
    if (left < blocks) return first + left
    left -= blocks
  }
  throw new TypeError('an index beyond the blocks that were counted')
}

/** Some different numbers below `count`, ascending; all of them when there are not more. */
function choose(count: number, samples: number, random: Random): readonly number[] {
  if (count <= samples) return Array.from({ length: count }, (_, index) => index)
  const chosen = new Set<number>()
  while (chosen.size < samples) chosen.add(Math.floor(random() * count))
  return [...chosen].toSorted((a, b) => a - b)
}
