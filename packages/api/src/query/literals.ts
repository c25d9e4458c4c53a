// Reads what is compared: sizes, durations, dates, percentages, numbers, yes and no.
import { parseBytes, parseDuration } from '@nixen/core'
import type { Unit } from '../schema/fields.ts'

const decimalPattern = /^(\d+(?:\.\d+)?)\s*([kKMGT]?)(?:bit\/s|b\/s)?$/
const decimalPrefixes: Readonly<Record<string, number>> = { '': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12 }
const datePattern = /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?(Z|[+-]\d{2}:\d{2})?)?)?)?$/

/** How a number of a unit is written, for the message about one that is not. */
export const unitExamples: Readonly<Record<Unit | 'number', string>> = {
  bytes: 'a size like 8GiB or 512M',
  duration: 'a duration like 90s, 2h or 7d',
  fraction: 'a percentage like 80%',
  rate: 'a rate like 1G or 100M (bit/s)',
  count: 'a whole number',
  time: 'a date like 2026-01-31 or an age like 7d',
  number: 'a number',
}

/** Reads a number of a unit; `undefined` when the text is none. */
export function readNumber(text: string, unit: Unit | undefined): number | undefined {
  if (unit === 'bytes') return parseBytes(text)
  if (unit === 'duration') return parseDuration(text)
  if (unit === 'fraction' && text.endsWith('%')) {
    const percent = readPlain(text.slice(0, -1))
    return percent === undefined ? undefined : percent / 100
  }
  if (unit === 'rate') {
    const match = decimalPattern.exec(text)
    return match ? Number(match[1]) * (decimalPrefixes[match[2] ?? ''] ?? 1) : undefined
  }
  return readPlain(text)
}

function readPlain(text: string): number | undefined {
  return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : undefined
}

/** A length of calendar time: a year, a month, a day, a minute or a second. Epoch milliseconds, `to` not included. */
export interface Moment {
  readonly from: number
  readonly to: number
}

/** Reads `2026`, `2026-01`, `2026-01-31`, `2026-01-31T10:00`, with `Z` or an offset behind; UTC when there is none. */
export function readDate(text: string): Moment | undefined {
  const match = datePattern.exec(text)
  if (!match) return undefined
  const [, year, month, day, hour, minute, second, zone] = match
  const parts = [year, month ?? 1, day ?? 1, hour ?? 0, minute ?? 0, second ?? 0].map(Number)
  const [y = 0, mo = 1, d = 1, h = 0, mi = 0, s = 0] = parts
  const at = Date.UTC(y, mo - 1, d, h, mi, s)
  const back = new Date(at)
  // 2026-02-30 would become a day in March.
  const exact = back.getUTCMonth() === mo - 1 && back.getUTCDate() === d && h < 24 && mi < 60 && s < 60
  if (!exact) return undefined
  const from = at - offsetOf(zone)
  if (second !== undefined) return { from, to: from + 1000 }
  if (hour !== undefined) return { from, to: from + 60_000 }
  if (day !== undefined) return { from, to: from + 86_400_000 }
  return { from, to: month === undefined ? Date.UTC(y + 1, 0) : Date.UTC(y, mo) }
}

function offsetOf(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6))
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000
}

const yes = new Set(['yes', 'true', 'on', '1'])
const no = new Set(['no', 'false', 'off', '0'])

/** Reads `yes`, `no`, `true`, `false`, `on`, `off`, `1`, `0`. */
export function readFlag(text: string): boolean | undefined {
  const word = text.toLowerCase()
  return yes.has(word) ? true : no.has(word) ? false : undefined
}
