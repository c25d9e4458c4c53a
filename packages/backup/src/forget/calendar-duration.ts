import { timeOfWall, wallTime } from './zoned-time.ts'

/** A length of time in units of the calendar; years and months have different lengths. */
export interface CalendarDuration {
  readonly years?: number
  readonly months?: number
  readonly days?: number
  readonly hours?: number
}

const pattern = /^(?:(\d+)y)?(?:(\d+)m)?(?:(\d+)d)?(?:(\d+)h)?$/

/** Reads `2y5m7d3h` (any part may be absent), as restic does; `undefined` when the text is not such a duration. */
export function parseCalendarDuration(text: string): CalendarDuration | undefined {
  const match = pattern.exec(text.trim())
  if (!match || text.trim() === '') return undefined
  const [years, months, days, hours] = match.slice(1).map((part) => Number(part ?? 0))
  return { ...(years && { years }), ...(months && { months }), ...(days && { days }), ...(hours && { hours }) }
}

/** `2y5m7d3h` */
export function formatCalendarDuration({ years, months, days, hours }: CalendarDuration): string {
  const parts = [years && `${years}y`, months && `${months}m`, days && `${days}d`, hours && `${hours}h`]
  return parts.filter(Boolean).join('') || '0h'
}

/** The moment one duration before `time`, by the calendar of `zone`: a month before 31 March is 3 March, as Go's AddDate has it. */
export function before(time: number, duration: CalendarDuration, zone: string): number {
  const { years = 0, months = 0, days = 0, hours = 0 } = duration
  const wall = wallTime(time, zone)
  const day = timeOfWall({ ...wall, year: wall.year - years, month: wall.month - months, day: wall.day - days }, zone)
  return day - hours * 3_600_000
}
