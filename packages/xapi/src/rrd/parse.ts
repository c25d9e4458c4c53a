import { isRecord } from '@nixen/core'
import { xapiErrors } from '../errors.ts'
import type { RrdTable } from './series.ts'

/** What comes before the rows. Times in seconds. */
export type RrdHead = Omit<RrdTable, 'rows'>
type Row = RrdTable['rows'][number]

/** `{"meta": {…}`, without the rows. */
export function readJsonHead(text: string): RrdHead {
  const head = lenient(`${text}}`)
  const meta = isRecord(head) ? head['meta'] : undefined
  if (!isRecord(meta) || !Array.isArray(meta['legend'])) throw wrong('meta with a legend', text)
  return {
    start: numberOf(meta['start'], text),
    end: numberOf(meta['end'], text),
    step: numberOf(meta['step'], text),
    legend: meta['legend'].map(String),
  }
}

/** `{"t": 1700000000, "values": ["0.05", "NaN"]}`. */
export function readJsonRow(text: string): Row {
  const row = lenient(text)
  if (!isRecord(row) || !Array.isArray(row['values'])) throw wrong('a row', text)
  return { t: numberOf(row['t'], text), values: row['values'].map((value) => measured(value, text)) }
}

export function readXmlHead(text: string): RrdHead {
  const time = (name: string): number => numberOf(new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1], text)
  const legend = /<legend>([^]*?)<\/legend>|<legend\s*\/>/.exec(text)
  if (!legend) throw wrong('a legend', text)
  return { start: time('start'), end: time('end'), step: time('step'), legend: elements(legend[1] ?? '', 'entry') }
}

export function readXmlRow(text: string): Row {
  return {
    t: numberOf(elements(text, 't')[0], text),
    values: elements(text, 'v').map((value) => measured(value, text)),
  }
}

function elements(text: string, name: string): string[] {
  return [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, content = '']) => content)
}

// A string, a number with its exponent, or a word that JSON does not know: a key without quotes, or a number that is none.
const looseToken = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|-?[A-Za-z_]\w*/g

/** JSON, or what hosts before xapi 23.31 wrote for it. */
function lenient(text: string): unknown {
  const strict = text.replace(looseToken, (token) =>
    /^"|^-?\d|^(true|false|null)$/.test(token) ? token : `"${token}"`,
  )
  try {
    return JSON.parse(strict) as unknown
  } catch (cause) {
    throw wrong('JSON', text, cause)
  }
}

function numberOf(value: unknown, text: string): number {
  const number =
    typeof value === 'number' ? value : typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
  if (!Number.isFinite(number)) throw wrong('a number', text)
  return number
}

/** A measurement: a number, its text, or the text of no number. */
function measured(value: unknown, text: string): number {
  if (typeof value === 'number') return value
  if (value === null) return Number.NaN
  if (typeof value !== 'string') throw wrong('a number', text)
  const trimmed = value.trim().toLowerCase()
  if (trimmed === 'nan' || trimmed === '-nan') return Number.NaN
  if (/^[+-]?inf(inity)?$/.test(trimmed)) return trimmed.startsWith('-') ? -Infinity : Infinity
  const number = Number(trimmed)
  if (trimmed === '' || Number.isNaN(number)) throw wrong('a number', text)
  return number
}

function wrong(expected: string, text: string, cause?: unknown): Error {
  return xapiErrors.bad_answer({ expected, got: JSON.stringify(text.slice(0, 120)), at: '/rrd_updates' }, { cause })
}
