/** Date and time on the wall in some time zone. Months from 1; values out of their range roll over, as in `Date`. */
export interface WallTime {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly ms: number
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** Whether `zone` is a time zone of the IANA database, as `Europe/Berlin`. */
export function isTimeZone(zone: string): boolean {
  try {
    formatOf(zone)
    return true
  } catch {
    return false
  }
}

/** What a clock on the wall shows at `time` (epoch milliseconds). */
export function wallTime(time: number, zone: string): WallTime {
  const parts: Record<string, number> = {}
  for (const { type, value } of formatOf(zone).formatToParts(time)) parts[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return { year, month, day, hour, minute, second, ms: ((time % 1000) + 1000) % 1000 }
}

/** The moment at which a clock on the wall shows `wall`; an hour that a change of the clock leaves out counts as the one after it. */
export function timeOfWall(wall: WallTime, zone: string): number {
  const wanted = utcOf(wall)
  // The offset differs between the guess and the answer only around a change of the clock.
  const first = wanted - offsetAt(wanted, zone)
  return wanted - offsetAt(first, zone)
}

/** Week of ISO 8601: it belongs to the year that its Thursday is in. */
export function isoWeek({ year, month, day }: Pick<WallTime, 'year' | 'month' | 'day'>): {
  year: number
  week: number
} {
  const date = new Date(Date.UTC(year, month - 1, day))
  const weekday = (date.getUTCDay() + 6) % 7
  date.setUTCDate(date.getUTCDate() - weekday + 3)
  const thursday = date.getTime()
  const isoYear = date.getUTCFullYear()
  return { year: isoYear, week: 1 + Math.floor((thursday - Date.UTC(isoYear, 0, 1)) / 604_800_000) }
}

function offsetAt(time: number, zone: string): number {
  return utcOf(wallTime(time, zone)) - time
}

function utcOf({ year, month, day, hour, minute, second, ms }: WallTime): number {
  return Date.UTC(year, month - 1, day, hour, minute, second, ms)
}

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone)
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'iso8601',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(zone, format)
  }
  return format
}
