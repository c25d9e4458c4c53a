import { lockForReading, restorePointDisk } from '@nixen/backup'
import { anySignal, forEachConcurrent, MiB } from '@nixen/core'
import type { DiskSource } from '@nixen/disk'
import type { CompareInput } from '../../operations.ts'
import type { OperationCode } from '../context.ts'
import { openSource } from '../open-source.ts'
import { mergeRanges } from '../ranges.ts'

interface Range {
  readonly offset: number
  readonly length: number
}

/** Bytes that are compared at a time: a chunk of the repository. */
const piece = MiB
const concurrency = 8
const mostTold = 100

/** Compares a disk with one of a restore point, all of it or a random part, byte by byte. */
export const compare: OperationCode<'compare'> = async (input, { openWithIndex, session, signal, progress }) => {
  const repository = await openWithIndex()
  await using lock = await lockForReading(repository, { signal })
  const held = anySignal(signal, lock?.signal)
  await using opened = await openSource(input.source, { session, signal: held })
  const point = await restorePointDisk(repository, { ...input, signal: held })
  const ranges = choose(Math.max(opened.disk.size, point.size), input)
  const total = ranges.reduce((sum, { length }) => sum + length, 0)
  const differing: Range[] = []
  let done = 0
  await forEachConcurrent(ranges, concurrency, async (range) => {
    held.throwIfAborted()
    if (differing.length < mostTold && !(await same(opened.disk, point, { ...range, signal: held })))
      differing.push(range)
    done += range.length
    progress({ phase: 'compare', detail: input.path, done, total, unit: 'bytes', bytesRead: done })
  })
  return { comparedBytes: total, differences: mergeRanges(differing) }
}

/** The pieces that are compared, ascending. */
function choose(size: number, { share = 1, except = [] }: CompareInput): Range[] {
  const passed = mergeRanges(except)
  const chosen: Range[] = []
  let next = 0
  for (let offset = 0; offset < size; offset += piece) {
    const range = { offset, length: Math.min(piece, size - offset) }
    while ((passed[next]?.offset ?? Infinity) + (passed[next]?.length ?? 0) <= offset) next++
    const overlaps = (passed[next]?.offset ?? Infinity) < offset + range.length
    if (!overlaps && (share >= 1 || Math.random() < share)) chosen.push(range)
  }
  return chosen
}

async function same(
  one: DiskSource,
  other: DiskSource,
  { offset, length, signal }: Range & { signal: AbortSignal },
): Promise<boolean> {
  // Where one of them has ended, it differs.
  if (offset + length > one.size || offset + length > other.size) return false
  const [a, b] = [Buffer.allocUnsafe(length), Buffer.allocUnsafe(length)]
  await Promise.all([one.read(offset, a, { signal }), other.read(offset, b, { signal })])
  return a.equals(b)
}
