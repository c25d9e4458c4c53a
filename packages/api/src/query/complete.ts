import type { FieldTable, QueryField } from './field-table.ts'
import { printText } from './printer.ts'

/** Something that can stand at the caret. */
export interface Completion {
  /** What is put in. */
  readonly text: string
  readonly kind: 'field' | 'value' | 'keyword'
  /** A few words about it. */
  readonly detail: string
}

/** What can stand at the caret, and which part of the text it replaces. */
export interface Completions {
  readonly offset: number
  readonly length: number
  readonly options: readonly Completion[]
}

export interface CompleteOptions {
  /** Values that a field has in the inventory: tags, names of hosts, … Asked for fields of text, labels and ids. */
  readonly valuesOf?: (field: QueryField) => Iterable<string>
  /** Most options; 20 when left out. */
  readonly limit?: number
}

const fieldPrefix = /^([A-Za-z][A-Za-z0-9_.-]*):(>=|<=|>|<|=)?/

/**
 * What can be typed at the caret of a query: fields and keywords where a condition begins, values after a field. What begins with the typed
 * letters comes first, then what has them inside.
 *
 * @param caret offset in UTF-16 code units
 */
export function completeAt(
  text: string,
  caret: number,
  table: FieldTable,
  { valuesOf, limit = 20 }: CompleteOptions = {},
): Completions {
  const start = termStart(text.slice(0, caret))
  const typed = text.slice(start, caret)
  const match = fieldPrefix.exec(typed)
  if (!match) return choose(fieldOptions(table), { typed: typed.replace(/^!+/, ''), caret, limit })
  const list = typed.slice(match[0].length)
  const last = list.slice(list.lastIndexOf(',') + 1)
  // In quotes or a regular expression nothing is offered but what quotes are for.
  if (last.startsWith('/')) return { offset: caret, length: 0, options: [] }
  const name = match[1] ?? ''
  const options = name.toLowerCase() === 'has' ? hasOptions(table) : valueOptions(table.find(name), valuesOf)
  return choose(options, { typed: last, caret, limit })
}

/** Where the condition begins that the text ends in. */
function termStart(text: string): number {
  let start = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const letter = text.charAt(i)
    if (quoted) {
      if (letter === '\\') i++
      else if (letter === '"') quoted = false
    } else if (letter === '"') quoted = true
    else if (/[\s()]/.test(letter) || (letter === '!' && i === start)) start = i + 1
  }
  return start
}

function choose(
  options: Iterable<Completion>,
  { typed, caret, limit }: { readonly typed: string; readonly caret: number; readonly limit: number },
): Completions {
  const wanted = typed.replace(/^"/, '').toLowerCase()
  const begin: Completion[] = []
  const inside: Completion[] = []
  for (const option of options) {
    const at = option.text.replace(/^"/, '').toLowerCase().indexOf(wanted)
    if (at === 0) begin.push(option)
    else if (at > 0) inside.push(option)
    if (begin.length >= limit) break
  }
  return { offset: caret - typed.length, length: typed.length, options: [...begin, ...inside].slice(0, limit) }
}

function* fieldOptions(table: FieldTable): Generator<Completion> {
  for (const { name, kind, description } of table.fields) {
    if (kind !== 'object') yield { text: `${name}:`, kind: 'field', detail: description }
  }
  for (const [alias, field] of table.aliases) {
    if (table.find(alias)?.kind === 'object') continue
    yield { text: `${alias}:`, kind: 'field', detail: `The same as ${field}.` }
  }
  yield { text: 'has:', kind: 'field', detail: 'The field is there and not empty.' }
  yield { text: 'or', kind: 'keyword', detail: 'One of two conditions.' }
  yield { text: 'not', kind: 'keyword', detail: 'The opposite; also written !' }
}

function* hasOptions(table: FieldTable): Generator<Completion> {
  for (const { name, description } of table.fields) yield { text: name, kind: 'value', detail: description }
  for (const [alias, field] of table.aliases) yield { text: alias, kind: 'value', detail: `The same as ${field}.` }
}

const numberExamples: Readonly<Record<string, readonly string[]>> = {
  bytes: ['>1GiB', '>8GiB', '<512MiB'],
  duration: ['>1h', '>7d', '<10m'],
  fraction: ['>80%', '<20%'],
  rate: ['>1G', '>100M'],
}

function* valueOptions(field: QueryField | undefined, valuesOf: CompleteOptions['valuesOf']): Generator<Completion> {
  if (!field) return
  const { kind, words, unit = 'count', description } = field
  if (kind === 'word') yield* values(words ?? [], description)
  else if (kind === 'flag') yield* values(['yes', 'no'], description)
  else if (kind === 'time')
    yield* values(['<1h', '<1d', '<7d', '>30d', '>1w'], 'Newer or older than that; or a date, 2026-01-31.')
  else if (kind === 'number') yield* values(numberExamples[unit] ?? ['>0', '>1', '>10'], description)
  else if (valuesOf)
    for (const text of valuesOf(field)) yield { text: printText(text), kind: 'value', detail: description }
}

function* values(texts: readonly string[], detail: string): Generator<Completion> {
  for (const text of texts) yield { text, kind: 'value', detail }
}
