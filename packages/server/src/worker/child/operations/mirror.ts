import { loadSnapshot, mirrorPoints } from '@nixen/backup'
import { writeJobTag } from '../../point-record.ts'
import type { OperationCode } from '../context.ts'
import { OpenRepository } from '../open-repository.ts'
import { recordOf } from '../record-of.ts'

/** How long another program may have a repository for itself, milliseconds. */
const defaultLockWait = 600_000

/** Brings the repository of this process up to date with another one. */
export const mirror: OperationCode<'mirror'> = async (input, context) => {
  const { access, repositories, openWithIndex, rates, signal, progress } = context
  progress({ phase: 'open' })
  const to = await openWithIndex()
  await using sources = new OpenRepository(rates)
  const from = await sources.withIndex(input.from, signal)
  const wanted = new Set(input.snapshots)
  const result = await mirrorPoints(from, to, {
    filter: ({ id }) => wanted.has(id),
    keep: input.keep,
    tag: writeJobTag(input.job),
    // Whose it is in the source says nothing here.
    without: (tag) => tag.startsWith(writeJobTag('')),
    wait: input.lockWait ?? defaultLockWait,
    signal,
    progress: ({ points, totalPoints, bytes }) =>
      progress({
        phase: 'copy',
        detail: `restore point ${Math.min(points + 1, totalPoints)} of ${totalPoints}`,
        done: points,
        total: totalPoints,
        unit: 'items',
        bytesRead: bytes,
        bytesWritten: bytes,
      }),
  })
  await repositories.saveCache(access).catch(() => undefined)
  const added = await Promise.all(
    result.copied.map(async (one) => recordOf(await loadSnapshot(to, one.to, { signal }))),
  )
  const { plan, bytes } = result
  return {
    added,
    removed: plan.forget.map(({ id }) => id),
    present: plan.present.length,
    passed: plan.passed.length,
    bytes,
  }
}
