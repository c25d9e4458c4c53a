import type { Maintenance, Repository } from '@nixen/api'

/** Work that keeps a repository in order. */
export type MaintenanceWork = 'check' | 'prune'

const day = 86_400_000

/**
 * What is due in a repository now, the most overdue first; nothing outside of its window, or while it cannot be reached. What was never done is due as long after the
 * repository was added as it is done afterwards. Pure.
 *
 * @param now epoch milliseconds
 */
export function dueMaintenance(
  { maintenance, state, created, lastCheck, lastPrune, immutability }: Repository,
  now: number,
): readonly MaintenanceWork[] {
  if (state !== 'ready' || !isOpen(maintenance.window, now)) return []
  const works = [
    { work: 'check', every: maintenance.checkEvery * day, last: lastCheck?.at ?? created },
    { work: 'prune', every: maintenance.pruneEvery * day, last: lastPrune?.at ?? created },
  ] as const
  // A store that removes nothing is pruned by who may, from elsewhere.
  const canPrune = immutability.mode !== 'append-only'
  return works
    .filter(({ work, every, last }) => every > 0 && now - last >= every && (work !== 'prune' || canPrune))
    .toSorted((a, b) => a.last + a.every - (b.last + b.every))
    .map(({ work }) => work)
}

/** Whether a window is open. The days are those on which it opens: one over midnight belongs to the evening. */
export function isOpen(window: Maintenance['window'], now: number): boolean {
  if (!window) return true
  const { days, from, to, timeZone = 'UTC' } = window
  const wall = wallTime(now, timeZone)
  const [opens, closes] = [minutesOf(from), minutesOf(to)]
  const onDay = (weekday: Weekday): boolean => days?.includes(weekday) ?? true
  if (opens < closes) return onDay(wall.weekday) && wall.minutes >= opens && wall.minutes < closes
  return (wall.minutes >= opens && onDay(wall.weekday)) || (wall.minutes < closes && onDay(dayBefore(wall.weekday)))
}

type Weekday = NonNullable<NonNullable<Maintenance['window']>['days']>[number]
const weekdays: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

function dayBefore(weekday: Weekday): Weekday {
  return weekdays[(weekdays.indexOf(weekday) + 6) % 7] ?? 'mon'
}

function minutesOf(text: string): number {
  const [hours, minutes] = text.split(':').map(Number)
  return (hours ?? 0) * 60 + (minutes ?? 0)
}

/** Time on the wall; a time zone that is not known counts as UTC. */
function wallTime(now: number, zone: string): { readonly weekday: Weekday; readonly minutes: number } {
  const parts = formatterOf(zone).formatToParts(now)
  const part = (type: string): string => parts.find((found) => found.type === type)?.value ?? ''
  const weekday = weekdays.find((name) => name === part('weekday').toLowerCase()) ?? 'mon'
  return { weekday, minutes: (Number(part('hour')) % 24) * 60 + Number(part('minute')) }
}

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const options = { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
  try {
    return new Intl.DateTimeFormat('en-US', { ...options, timeZone })
  } catch {
    return new Intl.DateTimeFormat('en-US', { ...options, timeZone: 'UTC' })
  }
}
