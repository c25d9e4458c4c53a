import { formatBytes, formatDuration } from '@nixen/core'

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })
const number = new Intl.NumberFormat()
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 })

const steps = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const

/** `3 minutes ago`, `in 2 hours`; the date when it is more than 30 days away. */
export function formatAgo(time: number, now: number): string {
  const distance = time - now
  if (Math.abs(distance) > 30 * 86_400_000) return dateTime.format(time)
  for (const [unit, length] of steps) {
    if (Math.abs(distance) >= length) return relative.format(Math.trunc(distance / length), unit)
  }
  return relative.format(0, 'second')
}

/** Date and time, in the language and time zone of the browser. */
export function formatTime(time: number): string {
  return dateTime.format(time)
}

export function formatCount(count: number): string {
  return number.format(count)
}

/** `0.42` → `42 %` or `42%`, as the language has it. */
export function formatPart(part: number): string {
  return percent.format(part)
}

/** `12 VMs`, `1 VM`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

/** `hardShutdown` → `hard shutdown`. */
export function spaced(name: string): string {
  return name.replaceAll(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`)
}

/** The first letter as a capital. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

export { formatBytes, formatDuration }
