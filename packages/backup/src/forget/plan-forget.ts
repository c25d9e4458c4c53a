import { backupErrors } from '../errors.ts'
import { before, formatCalendarDuration } from './calendar-duration.ts'
import { isEmptyPolicy, periods, type ForgetPolicy, type GroupField, type Period } from './forget-policy.ts'
import { isoWeek, isTimeZone, wallTime } from './zoned-time.ts'

/** What the planner looks at; a `Snapshot` is one. */
export interface ForgetPoint {
  readonly id: string
  /** Epoch milliseconds. */
  readonly time: number
  readonly hostname: string
  readonly paths: readonly string[]
  readonly tags: readonly string[]
}

export interface ForgetOptions<P extends ForgetPoint> {
  /** Time zone of the IANA database that hours, days, weeks, months and years are counted in; UTC when left out. */
  readonly timeZone?: string
  /** Host and paths when left out, as restic. A function gives the name of a point's group. */
  readonly groupBy?: readonly GroupField[] | ((point: P) => string)
}

/** One restore point and why it stays or goes; sentences for people, without a full stop. */
export interface ForgetDecision<P extends ForgetPoint = ForgetPoint> {
  readonly point: P
  readonly group: string
  readonly because: readonly string[]
}

/** What would be forgotten. Newest points first, group by group. */
export interface ForgetPlan<P extends ForgetPoint = ForgetPoint> {
  readonly keep: readonly ForgetDecision<P>[]
  readonly forget: readonly ForgetDecision<P>[]
}

/**
 * Decides by `policy` which points stay. Never forgets the newest point of a group, and never one from the future: a clock that was wrong must
 * not cost backups.
 *
 * @param now epoch milliseconds
 * Errors: `backup.time_zone`.
 */
export function planForget<P extends ForgetPoint>(
  points: readonly P[],
  policy: ForgetPolicy,
  now: number,
  options: ForgetOptions<P> = {},
): ForgetPlan<P> {
  const { timeZone = 'UTC', groupBy = ['host', 'paths'] } = options
  if (!isTimeZone(timeZone)) throw backupErrors.time_zone({ zone: timeZone })
  const keep: ForgetDecision<P>[] = []
  const forget: ForgetDecision<P>[] = []
  for (const [group, members] of groupsOf(points, groupBy)) {
    for (const { point, because } of decide(members, policy, { now, timeZone })) {
      if (because.length > 0) keep.push({ point, group, because })
      else forget.push({ point, group, because: ['no rule keeps it'] })
    }
  }
  return { keep, forget }
}

/**
 * Forgets exactly the points that are asked for by name, be they the last of their group.
 *
 * @param names ids, or the beginnings of ids that mean one point
 * Errors: `backup.snapshot_not_found`, `backup.ambiguous_snapshot`.
 */
export function planForgetNamed<P extends ForgetPoint>(points: readonly P[], names: readonly string[]): ForgetPlan<P> {
  const ids = new Set(names.map((name) => pointCalled(points, name).id))
  const decide = (chosen: boolean, because: string): ForgetDecision<P>[] =>
    points
      .filter(({ id }) => ids.has(id) === chosen)
      .map((point) => ({ point, group: groupName(point, ['host', 'paths']), because: [because] }))
  return { keep: decide(false, 'it was not asked for'), forget: decide(true, 'it was asked for by name') }
}

function pointCalled<P extends ForgetPoint>(points: readonly P[], name: string): P {
  const found = points.filter(({ id }) => name !== '' && id.startsWith(name))
  if (found.length > 1) {
    throw backupErrors.ambiguous_snapshot({ snapshot: name, candidates: found.map(({ id }) => id.slice(0, 12)) })
  }
  const [point] = found
  if (!point) throw backupErrors.snapshot_not_found({ snapshot: name })
  return point
}

function groupsOf<P extends ForgetPoint>(
  points: readonly P[],
  groupBy: readonly GroupField[] | ((point: P) => string),
): Map<string, P[]> {
  const groups = new Map<string, P[]>()
  for (const point of points) {
    const name = typeof groupBy === 'function' ? groupBy(point) : groupName(point, groupBy)
    const members = groups.get(name)
    if (members) members.push(point)
    else groups.set(name, [point])
  }
  for (const members of groups.values()) members.sort((a, b) => b.time - a.time || (a.id < b.id ? -1 : 1))
  return new Map([...groups].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function groupName(point: ForgetPoint, fields: readonly GroupField[]): string {
  const parts: string[] = []
  if (fields.includes('host')) parts.push(point.hostname)
  if (fields.includes('paths')) parts.push([...point.paths].sort().join(', '))
  if (fields.includes('tags')) parts.push(`[${[...point.tags].sort().join(', ')}]`)
  return parts.join(' ')
}

interface Rule {
  /** Why the next point in order of age stays, or `undefined`. Called for every point, newest first. */
  readonly keeps: (point: ForgetPoint) => string | undefined
}

/** `members` from newest to oldest. */
function decide<P extends ForgetPoint>(
  members: readonly P[],
  policy: ForgetPolicy,
  { now, timeZone }: { now: number; timeZone: string },
): { point: P; because: string[] }[] {
  if (isEmptyPolicy(policy)) return members.map((point) => ({ point, because: ['the policy has no rule'] }))
  const newest = members.find(({ time }) => time <= now)
  const rules = newest ? rulesOf(policy, newest.time, timeZone) : []
  const decisions = members.map((point) => {
    if (point.time > now) return { point, because: ['it is from the future: was a clock wrong?'] }
    return { point, because: rules.map((rule) => rule.keeps(point)).filter((reason) => reason !== undefined) }
  })
  const [first] = decisions
  if (first && decisions.every(({ because }) => because.length === 0))
    first.because.push('it is the last one of its group')
  return decisions
}

function rulesOf(policy: ForgetPolicy, newest: number, zone: string): Rule[] {
  const rules: Rule[] = []
  if (policy.last) rules.push(newestOf(policy.last))
  for (const period of periods) {
    const count = policy[period]
    if (count) rules.push(oneOfEach(period, { zone, count }))
  }
  for (const tags of policy.tags ?? []) rules.push(hasTags(tags))
  if (policy.within) {
    const since = before(newest, policy.within, zone)
    const text = `within ${formatCalendarDuration(policy.within)} of the newest`
    rules.push({ keeps: ({ time }) => (time > since ? text : undefined) })
  }
  for (const period of periods) {
    const duration = policy.withinEach?.[period]
    if (duration) rules.push(oneOfEach(period, { zone, since: before(newest, duration, zone) }))
  }
  return rules
}

function newestOf(count: number): Rule {
  let seen = 0
  return { keeps: () => (seen < count ? `last ${++seen} of ${count}` : undefined) }
}

function oneOfEach(
  period: Period,
  { zone, count = Infinity, since = -Infinity }: { zone: string; count?: number; since?: number },
): Rule {
  let last: string | undefined
  let kept = 0
  return {
    keeps: ({ time }) => {
      const value = periodOf(time, period, zone)
      if (value === last || kept >= count || time <= since) return undefined
      last = value
      kept++
      return `${period}: ${value}`
    },
  }
}

function hasTags(tags: readonly string[]): Rule {
  return { keeps: (point) => (tags.every((tag) => point.tags.includes(tag)) ? `tagged ${tags.join(', ')}` : undefined) }
}

/** Name of the period that a moment is in: `2026-11-21 14h`, `2026-11-21`, `2026-W47`, `2026-11`, `2026`. */
function periodOf(time: number, period: Period, zone: string): string {
  const wall = wallTime(time, zone)
  const two = (value: number): string => String(value).padStart(2, '0')
  const month = `${wall.year}-${two(wall.month)}`
  switch (period) {
    case 'hourly':
      return `${month}-${two(wall.day)} ${two(wall.hour)}h`
    case 'daily':
      return `${month}-${two(wall.day)}`
    case 'weekly': {
      const { year, week } = isoWeek(wall)
      return `${year}-W${two(week)}`
    }
    case 'monthly':
      return month
    case 'yearly':
      return String(wall.year)
  }
}
