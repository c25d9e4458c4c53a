import { closest, elementOf, unwrap, type FieldMeta } from '@nixen/api'
import { parseBytes, parseDuration } from '@nixen/core'
import { z } from 'zod'

/**
 * Reads text of the command line as a field's schema wants it: sizes (`8GiB`), moments (`2026-01-31`, `+30d`), durations (`90s`),
 * fractions (`80%`), words, lists (`a,b`), objects (`size=8GiB,name=root`), or JSON for the latter two. What cannot be told from its text is
 * left for the server. Throws a `SyntaxError` with a sentence.
 */
export function parseValue(outer: z.ZodType, text: string, now: number = Date.now()): unknown {
  // An empty text takes away what may be absent.
  if (text === '' && acceptsNull(outer)) return null
  const schema = inside(outer)
  if (schema instanceof z.ZodNumber) return parseNumber(unitOf(outer), text, now)
  if (schema instanceof z.ZodBoolean) return parseFlag(text)
  if (schema instanceof z.ZodEnum) return parseWord(schema.options.map(String), text)
  if (schema instanceof z.ZodLiteral) return [...schema.values].find((value) => String(value) === text) ?? text
  if (schema instanceof z.ZodString) return text
  if (schema instanceof z.ZodArray) return parseList(schema, text, now)
  if (schema instanceof z.ZodObject) return parseObject(schema.shape, text, now)
  if (schema instanceof z.ZodDiscriminatedUnion) return parseObject(shapeOfAll(schema), text, now)
  if (schema instanceof z.ZodRecord) return parsePairs(text, (_name, value) => value)
  return parseJson(text) ?? text
}

type Shape = Readonly<Record<string, z.ZodType>>

/** The schema inside of what makes it optional, nullable or changed on the way in. */
export function inside(schema: z.ZodType): z.ZodType {
  let inner = unwrap(schema)
  while (inner instanceof z.ZodPipe) {
    // zod's classic schemas hold classic schemas. A value that is changed before it is checked comes in by the first one that has a form.
    const first = inner.in as z.ZodType
    inner = unwrap(first instanceof z.ZodTransform ? (inner.out as z.ZodType) : first)
  }
  return inner
}

/** What a field's number means. */
export function unitOf(schema: z.ZodType): FieldMeta['unit'] {
  // What is said of a field may be said of its form, or of the whole with its default.
  return (schema.meta()?.['unit'] ?? inside(schema).meta()?.['unit']) as FieldMeta['unit']
}

/** The type of objects that a field names (`vm` of a `vm-id`); `undefined` for other fields. */
export function referenceOf(schema: z.ZodType): string | undefined {
  const format = inside(schema).meta()?.['format']
  return typeof format === 'string' && format.endsWith('-id') ? format.slice(0, -3) : undefined
}

/** Whether a field holds a secret, which is never written on a command line. */
export function isSecret(schema: z.ZodType): boolean {
  return inside(schema).meta()?.['format'] === 'password'
}

/** The words that a field can have. */
export function wordsOf(schema: z.ZodType): readonly string[] {
  const inner = inside(schema)
  if (inner instanceof z.ZodArray) return wordsOf(elementOf(inner))
  if (inner instanceof z.ZodBoolean) return ['yes', 'no']
  if (inner instanceof z.ZodLiteral) return [...inner.values].map(String)
  return inner instanceof z.ZodEnum ? inner.options.map(String) : []
}

function acceptsNull(schema: z.ZodType): boolean {
  return schema.safeParse(null).success
}

function parseNumber(unit: FieldMeta['unit'], text: string, now: number): number {
  if (unit === 'bytes') return demand(parseBytes(text), `"${text}" is not a size. Write it like 10GiB, 512M or 4096.`)
  if (unit === 'time') return parseMoment(text, now)
  if (unit === 'duration')
    return demand(parseDuration(text), `"${text}" is not a length of time. Write it like 90s, 1h30m or 2w.`)
  const [, digits = '', percent] = /^(-?\d+(?:\.\d+)?)(%?)$/.exec(text) ?? []
  if (digits === '' || (percent === '%' && unit !== 'fraction')) throw new SyntaxError(`"${text}" is not a number.`)
  return percent === '%' ? Number(digits) / 100 : Number(digits)
}

/** `2026-01-31`, `2026-01-31T10:00` (UTC unless it says otherwise), `now`, `+30d` from now on, `-7d` ago. */
export function parseMoment(text: string, now: number): number {
  if (text === 'now') return now
  const [, sign = '+', rest = ''] = /^([+-]?)(.*)$/.exec(text) ?? []
  const duration = parseDuration(rest)
  if (duration !== undefined) return Math.round(sign === '-' ? now - duration : now + duration)
  const isDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:\d\d)?$/.test(text)
  const zoned = /T.*(Z|[+-]\d\d:\d\d)$/.test(text) || !text.includes('T') ? text : `${text}Z`
  const moment = isDate ? Date.parse(zoned) : Number.NaN
  if (Number.isNaN(moment))
    throw new SyntaxError(`"${text}" is not a time. Write it like 2026-01-31, 2026-01-31T10:00 or +30d.`)
  return moment
}

function parseFlag(text: string): boolean {
  if (/^(yes|true|on|1)$/i.test(text)) return true
  if (/^(no|false|off|0)$/i.test(text)) return false
  throw new SyntaxError(`"${text}" is not yes or no.`)
}

function parseWord(words: readonly string[], text: string): string {
  if (words.includes(text)) return text
  const near = closest(text, words)
  throw new SyntaxError(
    `"${text}" is none of ${words.join(', ')}.${near === undefined ? '' : ` Did you mean ${near}?`}`,
  )
}

function parseList(schema: z.ZodArray, text: string, now: number): unknown {
  if (text.trim() === '') return []
  const bracketed = /^\s*\[(.*)\]\s*$/s.exec(text)?.[1]
  const json = bracketed === undefined ? undefined : parseJson(text)
  return json ?? splitOutside(bracketed ?? text).map((item) => parseValue(elementOf(schema), item, now))
}

function parseObject(shape: Shape, text: string, now: number): unknown {
  if (text.trim().startsWith('{')) return demandJson(text)
  const known = Object.keys(shape)
  return parsePairs(text, (name, value) => {
    const field = shape[name]
    if (field) return parseValue(field, value, now)
    const near = closest(name, known)
    throw new SyntaxError(
      `There is no "${name}". ${near === undefined ? `There are: ${known.join(', ')}.` : `Did you mean "${near}"?`}`,
    )
  })
}

/** The fields of all variants together; the server says which go together. */
export function shapeOfAll(schema: z.ZodDiscriminatedUnion): Shape {
  const shapes = schema.options.map((option) => (option instanceof z.ZodObject ? (option.shape as Shape) : {}))
  const words = Map.groupBy(
    shapes.flatMap((shape) => Object.entries(shape)),
    ([name]) => name,
  )
  return Object.fromEntries(
    [...words].map(([name, fields]) => {
      const [first] = fields
      // A field that tells variants apart is a literal in each: any text.
      const field = first?.[1]
      return [name, field === undefined || field instanceof z.ZodLiteral ? z.string() : field]
    }),
  )
}

function parsePairs(text: string, read: (name: string, value: string) => unknown): Readonly<Record<string, unknown>> {
  if (text.trim().startsWith('{')) return demandJson(text) as Readonly<Record<string, unknown>>
  const entries = splitOutside(text).map((part) => {
    const equals = part.indexOf('=')
    if (equals < 1) throw new SyntaxError(`"${part}" is not NAME=VALUE.`)
    const name = part.slice(0, equals).trim()
    return [name, withoutQuotes(part.slice(equals + 1))] as const
  })
  return Object.fromEntries(entries.map(([name, value]) => [name, read(name, value)]))
}

/** Splits at commas, but not inside of brackets and quotes. */
function splitOutside(text: string): readonly string[] {
  const parts: string[] = ['']
  let depth = 0
  let quoted = false
  for (const letter of text) {
    if (letter === '"') quoted = !quoted
    else if (!quoted && '[{'.includes(letter)) depth++
    else if (!quoted && ']}'.includes(letter)) depth--
    if (letter === ',' && depth === 0 && !quoted) parts.push('')
    else parts.push((parts.pop() ?? '') + letter)
  }
  return parts.map(withoutQuotes)
}

function withoutQuotes(text: string): string {
  return text.replace(/^"(.*)"$/s, '$1')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    // Text is text.
    return undefined
  }
}

function demandJson(text: string): unknown {
  return demand(parseJson(text), `"${text.slice(0, 60)}" begins like JSON and is none.`)
}

function demand<T>(value: T | undefined, otherwise: string): T {
  if (value === undefined) throw new SyntaxError(otherwise)
  return value
}
