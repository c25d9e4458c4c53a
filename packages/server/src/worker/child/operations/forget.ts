import {
  executeForget,
  listSnapshots,
  planForget,
  planForgetNamed,
  type ForgetDecision,
  type ForgetPlan,
  type Snapshot,
} from '@nixen/backup'
import type { ForgetLine, ForgetWhat } from '../../operations/points.ts'
import type { OperationCode } from '../context.ts'
import { recordOf } from '../record-of.ts'
import { planForgetVerified } from './plan-verified.ts'

const defaultLockWait = 600_000

/** Decides which restore points go, and removes them if it is told to. Their data stays until a prune. */
export const forget: OperationCode<'forget'> = async ({ what, execute, lockWait }, { open, signal, progress }) => {
  const repository = await open()
  progress({ phase: 'list' })
  const plan = planOf(await listSnapshots(repository, { signal }), what, repository.clock.now())
  const { forgotten } = execute
    ? await executeForget(repository, plan, {
        wait: lockWait ?? defaultLockWait,
        signal,
        progress: ({ done, total }) => progress({ phase: 'forget', done, total, unit: 'items' }),
      })
    : { forgotten: 0 }
  return { keep: plan.keep.map(lineOf), forget: plan.forget.map(lineOf), forgotten }
}

function planOf(points: readonly Snapshot[], what: ForgetWhat, now: number): ForgetPlan<Snapshot> {
  if (what.by === 'name') {
    const { keep: _, ...plan } = planForgetNamed(points, present(points, what.snapshots))
    return { ...plan, keep: [] }
  }
  const { paths, tags = [], policy, groupBy = ['paths'], timeZone, verified } = what
  const chosen = points.filter(
    (point) =>
      (paths === undefined || point.paths.some((path) => paths.includes(path))) &&
      tags.every((tag) => point.tags.includes(tag)),
  )
  if (verified) return planForgetVerified(chosen, { policy, now, timeZone, verified: new Set(verified) })
  return planForget(chosen, policy, now, { groupBy, ...(timeZone === undefined ? {} : { timeZone }) })
}

/** A point that is gone already is as it should be. */
function present(points: readonly Snapshot[], names: readonly string[]): string[] {
  const ids = new Set(points.map(({ id }) => id))
  return names.filter((name) => ids.has(name))
}

function lineOf({ point, because }: ForgetDecision<Snapshot>): ForgetLine {
  return { point: recordOf(point), because }
}
