import type { CalendarDuration } from './calendar-duration.ts'

/** The calendar periods of which one restore point each is kept. */
export type Period = 'hourly' | 'daily' | 'weekly' | 'monthly' | 'yearly'

export const periods: readonly Period[] = ['hourly', 'daily', 'weekly', 'monthly', 'yearly']

/**
 * Which restore points stay. A point stays when any rule keeps it; without any rule all stay. The rules are restic's `--keep-…` options: of each
 * period the newest point is kept, for as many periods *that have a point* as are asked for.
 */
export interface ForgetPolicy {
  /** The newest so many. */
  readonly last?: number
  readonly hourly?: number
  readonly daily?: number
  /** Weeks of ISO 8601. */
  readonly weekly?: number
  readonly monthly?: number
  readonly yearly?: number
  /** All that are younger than this, counted from the newest point of the group: what is no longer backed up does not fade away. */
  readonly within?: CalendarDuration
  /** One of each period, among those younger than this. */
  readonly withinEach?: Readonly<Partial<Record<Period, CalendarDuration>>>
  /** Points that have all tags of any of these lists. */
  readonly tags?: readonly (readonly string[])[]
}

/** What points are told apart by before the rules are used on each group. */
export type GroupField = 'host' | 'paths' | 'tags'

/** Whether the policy has no rule at all. */
export function isEmptyPolicy(policy: ForgetPolicy): boolean {
  const { last, within, withinEach, tags } = policy
  if (last || within || (tags?.length ?? 0) > 0) return false
  if (withinEach && Object.values(withinEach).some((duration) => duration !== undefined)) return false
  return periods.every((period) => !policy[period])
}
