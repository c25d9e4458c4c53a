import { lockForReading, restorePointDisk } from '@nixen/backup'
import { anySignal, forEachConcurrent, MiB } from '@nixen/core'
import type { DiskSource } from '@nixen/disk'
import type { CompareInput } from '../../operations/restore.ts'
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
  // Memory that is used again and again: fresh memory for each piece would grow faster than it is given back.
  const free = Array.from({ length: concurrency }, () => [Buffer.alloc(piece), Buffer.alloc(piece)] as const)
  let done = 0
  await forEachConcurrent(ranges, concurrency, async (range) => {
    held.throwIfAborted()
    // After so many differences the answer is clear.
    if (differing.length >= mostTold) return
    const buffers = free.pop()
    if (!buffers) throw new TypeError('more pieces than memory')
    if (!(await same(opened.disk, point, { ...range, buffers, signal: held }))) differing.push(range)
    free.push(buffers)
    done += range.length
    progress({ phase: 'compare', detail: input.path, done, total, unit: 'bytes', bytesRead: done })
  })
  return { comparedBytes: done, differences: mergeRanges(differing) }
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
  { offset, length, buffers, signal }: Range & { buffers: readonly [Buffer, Buffer]; signal: AbortSignal },
): Promise<boolean> {
  // Where one of them has ended, it differs.
  if (offset + length > one.size || offset + length > other.size) return false
  const [a, b] = [buffers[0].subarray(0, length), buffers[1].subarray(0, length)]
  await Promise.all([one.read(offset, a, { signal }), other.read(offset, b, { signal })])
  return a.equals(b)
}
