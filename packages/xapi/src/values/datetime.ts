// Forms seen on the wire: `20260821T02:00:23Z` (what XAPI writes), with hyphens, without a zone (then UTC), with an offset, and with a fraction.
const isoPattern = /^(\d{4})-?(\d\d)-?(\d\d)T(\d\d):?(\d\d):?(\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?$/i
/** Seconds since 1970 with a point, as OCaml prints a float: `1627478400.` */
const epochPattern = /^-?\d{1,12}\.\d*$/
const minutes = 60_000
/** 9999-12-31T23:59:59Z; XAPI's years have four digits. */
const lastTime = 253_402_300_799_999
/** 0000-01-01T00:00:00Z */
const firstTime = -62_167_219_200_000

/** Epoch milliseconds of any form of date that XAPI is known to write; `undefined` when the text is none. */
export function parseDatetime(text: string): number | undefined {
  const match = isoPattern.exec(text)
  if (!match) return epochPattern.test(text) ? Math.round(Number(text) * 1000) : undefined
  const [, year, month, day, hour, minute, second, fraction, zone] = match
  const time = utc(Number(year), Number(month), Number(day)) + clock(Number(hour), Number(minute), Number(second))
  if (Number.isNaN(time)) return undefined
  const offset = zone === undefined || zone.length === 1 ? 0 : zoneOffset(zone)
  const result = time + (fraction === undefined ? 0 : Math.floor(Number(`0.${fraction}`) * 1000)) - offset
  return Number.isNaN(result) ? undefined : result
}

/** `20260821T02:00:23Z`, the form that every version reads. XAPI keeps whole seconds; a fraction is cut off. */
export function formatDatetime(time: number): string {
  if (!(time >= firstTime && time <= lastTime)) throw new RangeError(`No date of XAPI: ${time}`)
  const iso = new Date(Math.floor(time / 1000) * 1000).toISOString()
  return `${iso.slice(0, 10).replaceAll('-', '')}T${iso.slice(11, 19)}Z`
}

/** Milliseconds of midnight, or NaN when there is no such day. */
function utc(year: number, month: number, day: number): number {
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return Number.NaN
  // Date.UTC takes the years 0 to 99 as 1900 to 1999; 400 years are always 146,097 days.
  return Date.UTC(year + 400, month - 1, day) - 146_097 * 86_400_000
}

function daysOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Milliseconds since midnight, or NaN; second 60 is a leap second. */
function clock(hour: number, minute: number, second: number): number {
  if (hour > 23 || minute > 59 || second > 60) return Number.NaN
  return ((hour * 60 + minute) * 60 + second) * 1000
}

function zoneOffset(zone: string): number {
  const hours = Number(zone.slice(1, 3))
  const rest = Number(zone.slice(-2))
  if (hours > 23 || rest > 59) return Number.NaN
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + rest) * minutes
}
