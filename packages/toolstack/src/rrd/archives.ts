import { valueAt, type Series } from './series.ts'

/** One archive: `rows` values, each of `step` seconds. */
export interface Archive {
  readonly step: number
  readonly rows: number
}

/** Ten minutes, two hours, a week, a year. */
export const archives: readonly Archive[] = [
  { step: 5, rows: 120 },
  { step: 60, rows: 120 },
  { step: 3600, rows: 168 },
  { step: 86_400, rows: 366 },
]

/** The finest archive of at least `interval` seconds that reaches back to `start`; the coarsest when none does. */
export function pickArchive({ start, interval, now }: { start: number; interval: number; now: number }): Archive {
  const last = archives.at(-1) ?? { step: 86_400, rows: 366 }
  return archives.find(({ step, rows }) => step >= interval && now - step * rows <= start) ?? last
}

/** Times of the rows after `start`, the newest first, seconds since 1970. */
export function rowTimes({ step, rows }: Archive, { start, now }: { start: number; now: number }): number[] {
  const times: number[] = []
  const newest = Math.floor(now / step) * step
  for (let t = newest; t > start && times.length < rows; t -= step) times.push(t)
  return times
}

/** The mean of a series over the step that ends at `time`, from a few moments of it. */
export function meanAt(owner: string, series: Series, { time, step }: { time: number; step: number }): number {
  if (series.low === series.high) return series.low
  const moments = step <= 5 ? 1 : 4
  let sum = 0
  for (let i = 0; i < moments; i++) sum += valueAt(owner, series, time - (i * step) / moments)
  return sum / moments
}

/** A number as rrdd prints it: `%0.15g`. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
  return String(Number(value.toPrecision(15)))
}
