import { common } from '../i18n/common.ts'
import { intlLocale, locale } from '../i18n/locale.ts'
import { preferences } from '../shell/preferences.ts'

const tongue = locale === 'en' ? intlLocale : locale === 'pseudo' ? 'en' : (intlLocale ?? locale)
const zone = preferences.timeZone === undefined ? {} : { timeZone: preferences.timeZone }
const dateTime = new Intl.DateTimeFormat(tongue, { dateStyle: 'medium', timeStyle: 'medium', ...zone })
const dateAlone = new Intl.DateTimeFormat(tongue, { dateStyle: 'medium', ...zone })
const clockTime = new Intl.DateTimeFormat(tongue, { timeStyle: 'short', ...zone })
const relative = new Intl.RelativeTimeFormat(tongue, { numeric: 'auto' })
const number = new Intl.NumberFormat(tongue)
const short = new Intl.NumberFormat(tongue, { maximumFractionDigits: 1 })
const percent = new Intl.NumberFormat(tongue, { style: 'percent', maximumFractionDigits: 0 })

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

/** Date and time, in the language and time zone of the page. */
export function formatTime(time: number): string {
  return dateTime.format(time)
}

/** The day alone. */
export function formatDay(time: number): string {
  return dateAlone.format(time)
}

/** Hours and minutes alone. */
export function formatClock(time: number): string {
  return clockTime.format(time)
}

export function formatCount(count: number): string {
  return number.format(count)
}

/** With one digit behind the point at the most. */
export function formatShort(value: number): string {
  return short.format(value)
}

/** `0.42` → `42 %` or `42%`, as the language has it. */
export function formatPart(part: number): string {
  return percent.format(part)
}

const prefixes = ['', 'K', 'M', 'G', 'T', 'P', 'E'] as const

/** `1536` → `1.5 KiB`; `1.5 kB` for whom wants powers of 1000; `1,5 Kio` in French. Three digits at the most. */
export function formatBytes(bytes: number): string {
  const base = preferences.units === 'decimal' ? 1000 : 1024
  let value = Math.abs(bytes)
  let step = 0
  while (value >= base - 0.5 && step < prefixes.length - 1) {
    value /= base
    step++
  }
  const rounded = value >= 99.95 ? Math.round(value) : Math.round(value * 10) / 10
  const { byte, binary, decimal } = common.units
  const prefix = base === 1000 && step === 1 ? 'k' : prefixes[step]
  const unit = step === 0 ? byte : `${prefix}${base === 1000 ? decimal : binary}`
  return `${bytes < 0 ? '-' : ''}${short.format(rounded)} ${unit}`
}

/** Bytes each second. */
export function formatRate(bytes: number): string {
  return common.perSecond({ amount: formatBytes(Math.round(bytes)) })
}

/** `93784` → `1 min 34 s`. The two largest units; milliseconds below one second. */
export function formatDuration(ms: number): string {
  const { day, hour, minute, second, millisecond } = common.units
  if (ms < 1000) return `${number.format(Math.round(ms))} ${millisecond}`
  if (ms < 10_000) return `${short.format(ms / 1000)} ${second}`
  const seconds = Math.round(ms / 1000)
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), day],
    [Math.floor(seconds / 3600) % 24, hour],
    [Math.floor(seconds / 60) % 60, minute],
    [seconds % 60, second],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0)
  return shown.map(([count, unit]) => `${number.format(count)} ${unit}`).join(' ')
}
