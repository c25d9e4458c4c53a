import { planForget, type ForgetDecision, type ForgetPlan, type ForgetPolicy, type Snapshot } from '@nixen/backup'

interface Rules {
  readonly policy: ForgetPolicy
  readonly now: number
  readonly timeZone?: string | undefined
  /** Points that were found good. */
  readonly verified: ReadonlySet<string>
}

/**
 * Decides which points stay where only those count that were found good: the policy chooses among these. Of the others those stay that are newer
 * than the newest good one of their VM, which may be good themselves, and all of a VM that has no good one: nothing that may be the last is given up
 * for something that was never proved. Pure.
 */
export function planForgetVerified(points: readonly Snapshot[], rules: Rules): ForgetPlan<Snapshot> {
  const { policy, now, timeZone, verified } = rules
  const groupBy = (point: Snapshot): string => point.paths.join('\n')
  const zone = timeZone === undefined ? {} : { timeZone }
  const good = points.filter(({ id }) => verified.has(id))
  const plan = planForget(good, policy, now, { groupBy, ...zone })
  const newestGood = new Map<string, number>()
  for (const point of good)
    newestGood.set(groupBy(point), Math.max(point.time, newestGood.get(groupBy(point)) ?? -Infinity))
  const keep: ForgetDecision<Snapshot>[] = [...plan.keep]
  const forget: ForgetDecision<Snapshot>[] = [...plan.forget]
  for (const point of points) {
    if (verified.has(point.id)) continue
    const group = groupBy(point)
    const since = newestGood.get(group)
    if (since === undefined) keep.push({ point, group, because: ['no restore point of it was found good yet'] })
    else if (point.time > since)
      keep.push({ point, group, because: ['it is newer than the newest that was found good'] })
    else forget.push({ point, group, because: ['it was not found good, and a newer one was'] })
  }
  return { keep, forget }
}
