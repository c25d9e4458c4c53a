import { assertNever } from '@nixen/core'
import { parseId } from '../ids/resource-id.ts'
import { closest } from '../text/closest.ts'
import type { Query, QueryProblem, Span, Term, Value } from './ast.ts'
import { queryErrors } from './errors.ts'
import type { FieldTable, QueryField } from './field-table.ts'
import { QueryFault } from './lexer.ts'
import { readDate, readFlag, readNumber, unitExamples, type Moment } from './literals.ts'
import { textTest, type TextTest } from './matchers.ts'
import { attempt, parse } from './parser.ts'

/** What a query needs to know beside the object. */
export interface QueryContext {
  /** Epoch milliseconds, for ages. */
  readonly now: number
  /** Name of the object or connection with that id, so that `host:xen-1` finds what runs there. */
  readonly nameOf?: (id: string) => string | undefined
}

export type Predicate = (object: object) => boolean
export type CompiledQuery =
  | { readonly ok: true; readonly matches: Predicate }
  | { readonly ok: false; readonly problem: QueryProblem }

/** Makes a predicate of a query over objects of one type. Never throws: a problem says where it is. */
export function compileQuery(text: string, table: FieldTable, context: QueryContext): CompiledQuery {
  return attempt(() => ({ ok: true, matches: compile(parse(text), table, context) }))
}

/** As {@link compileQuery}, but throws `query.invalid`. */
export function demandQuery(text: string, table: FieldTable, context: QueryContext): Predicate {
  const compiled = compileQuery(text, table, context)
  if (compiled.ok) return compiled.matches
  const { offset, length, message, suggestion } = compiled.problem
  throw queryErrors.invalid({
    text: text.slice(0, 200),
    offset,
    length,
    message,
    ...(suggestion === undefined ? {} : { suggestion }),
  })
}

/** What a query or an order looks at beside the objects. */
export interface Outside {
  /** The time: `uptime`, `created:<7d`. */
  readonly time: boolean
  /** Names of other objects: `host:xen-1`. */
  readonly names: boolean
}

/** What a query looks at beside the objects; it has to be one that compiles. Errs on the side of more. */
export function outsideOf(text: string, table: FieldTable): Outside {
  const seen = { time: false, names: false }
  const visit = (query: Query): void => {
    if (query.kind === 'and' || query.kind === 'or') query.of.forEach(visit)
    else if (query.kind === 'not') visit(query.of)
    else if (query.kind === 'term') {
      const field = query.field && table.find(query.field.name)
      if (field?.kind === 'time' || field?.unit === 'duration') seen.time = true
      if (field?.kind === 'id') seen.names = true
    }
  }
  visit(parse(text))
  return seen
}

function compile(query: Query, table: FieldTable, context: QueryContext): Predicate {
  switch (query.kind) {
    case 'all':
      return () => true
    case 'and': {
      const all = query.of.map((part) => compile(part, table, context))
      const [first, second] = all
      if (first && second && all.length === 2) return (object) => first(object) && second(object)
      return (object) => all.every((matches) => matches(object))
    }
    case 'or': {
      const any = query.of.map((part) => compile(part, table, context))
      return (object) => any.some((matches) => matches(object))
    }
    case 'not': {
      const inner = compile(query.of, table, context)
      return (object) => !inner(object)
    }
    case 'term':
      return compileTerm(query, table, context)
    default:
      return assertNever(query, 'query')
  }
}

function compileTerm(term: Term, table: FieldTable, context: QueryContext): Predicate {
  if (!term.field) return searchTest(term, table, context)
  if (term.field.name.toLowerCase() === 'has') return hasTest(term, table, context)
  const field = findField(table, term.field.name, term.field.at)
  const tests = term.values.map((value) => valueTest(field, { term, value, context }))
  const { read } = field
  const { now } = context
  const [only] = tests
  if (tests.length === 1 && only) return (object) => matchesAny(read(object, now), only)
  return (object) => {
    const found = read(object, now)
    return tests.some((test) => matchesAny(found, test))
  }
}

type Test = (value: unknown) => boolean

function matchesAny(found: unknown, test: Test): boolean {
  if (found === undefined || found === null) return false
  if (!Array.isArray(found)) return test(found)
  for (const item of found as readonly unknown[]) if (Array.isArray(item) ? item.some(test) : test(item)) return true
  return false
}

/** A condition without a field: any of the fields that are searched. */
function searchTest({ values }: Term, table: FieldTable, { now }: QueryContext): Predicate {
  for (const value of values) refuseComparison(value, table)
  const fields = table.fields.filter((field) => field.searched)
  const tests = values.map((value) => {
    const part = onText(textTest(value, false))
    const whole = onText(textTest(value, true))
    return (object: object): boolean =>
      fields.some(({ read, name }) => matchesAny(read(object, now), name === 'uuid' ? whole : part))
  })
  return (object) => tests.some((test) => test(object))
}

/** `memory>8GiB` would be a text that no object has: what was meant needs a colon. */
function refuseComparison(value: Term['values'][number], table: FieldTable): void {
  const [, name = '', rest = ''] = (value.kind === 'word' && /^([a-z][\w.-]*?)([<>]=?.+|=.+)$/i.exec(value.text)) || []
  if (!table.find(name)) return
  throw new QueryFault({ ...value.at, message: 'A colon comes after the field.', suggestion: `${name}:${rest}` })
}

function hasTest({ values, operator, at }: Term, table: FieldTable, { now }: QueryContext): Predicate {
  if (operator !== ':') throw new QueryFault({ ...at, message: 'Write has:FIELD.' })
  const fields = values.map((value) => {
    if (value.kind === 'word') return findField(table, value.text, value.at)
    throw new QueryFault({ ...value.at, message: 'The name of a field comes after has:.' })
  })
  return (object) => fields.some((field) => isThere(field, field.read(object, now)))
}

function isThere({ kind, unit }: QueryField, found: unknown): boolean {
  if (found === undefined || found === null || found === '' || found === false) return false
  if (Array.isArray(found)) return found.length > 0
  if (kind === 'keys' && typeof found === 'object') return Object.keys(found).length > 0
  return !(kind === 'number' && unit === 'count' && found === 0)
}

function findField(table: FieldTable, name: string, at: Span): QueryField {
  const field = table.find(name)
  if (field) return field
  const suggestion = closest(name, [...table.fields.map((field) => field.name), ...table.aliases.keys(), 'has'])
  const message = `There is no field "${name}" in a ${table.type}.${suggestion === undefined ? ' Put text with a colon in quotes.' : ''}`
  throw new QueryFault({ ...at, message, suggestion })
}

interface ValueContext {
  readonly term: Term
  readonly value: Value
  readonly context: QueryContext
}

function valueTest(field: QueryField, given: ValueContext): Test {
  switch (field.kind) {
    case 'text':
      return onText(textTest(given.value, equalsOnly(field, given)))
    case 'label':
      equalsOnly(field, given)
      // Many objects have the same few tags.
      return onText(remember(textTest(given.value, true)))
    case 'word':
      return wordTest(field, given)
    case 'id':
      return idTest(field, given)
    case 'keys':
      equalsOnly(field, given)
      return keysTest(textTest(given.value, true))
    case 'flag':
      return flagTest(field, given)
    case 'number':
      return numberTest(field, given)
    case 'time':
      return timeTest(field, given)
    case 'object':
      throw new QueryFault({
        ...given.term.at,
        message: `"${field.name}" has parts; ask for one of them, or has:${field.name}.`,
      })
    default:
      return assertNever(field.kind, 'kind of field')
  }
}

function onText(test: TextTest): Test {
  return (value) => typeof value === 'string' && test(value)
}

/** Refuses < and > where there is no order. Whether the text has to be the whole one (`=`). */
function equalsOnly(field: QueryField, { term }: ValueContext): boolean {
  if (term.operator === ':' || term.operator === '=') return term.operator === '='
  throw new QueryFault({
    ...term.at,
    message: `"${field.name}" cannot be compared with ${term.operator}; write ${field.name}:VALUE.`,
  })
}

function wordTest(field: QueryField, given: ValueContext): Test {
  equalsOnly(field, given)
  const { value } = given
  const words = field.words ?? []
  const test = textTest(value, true)
  if (value.kind !== 'regex' && !words.some(test)) {
    const message = `"${field.name}" is never "${value.text}", but one of ${words.join(', ')}.`
    throw new QueryFault({ ...value.at, message, suggestion: closest(value.text, words) })
  }
  const wanted = new Set<unknown>(words.filter(test))
  const [only] = wanted
  if (wanted.size === 1) return (found) => found === only
  return (found) => wanted.has(found)
}

/** An object is meant by its id, by the provider's name of it, or by its name. */
function idTest(field: QueryField, given: ValueContext): Test {
  equalsOnly(field, given)
  const test = textTest(given.value, true)
  const { nameOf } = given.context
  // Many objects share a host, a pool, a storage. Names are asked for each time: they change.
  const inId = remember((id) => test(id) || test(parseId(id)?.key ?? ''))
  const inName = remember(test)
  return (found) => {
    if (typeof found !== 'string') return false
    if (inId(found)) return true
    const name = nameOf?.(found)
    return name !== undefined && inName(name)
  }
}

/** Remembers the answers for up to a thousand texts. */
function remember(test: TextTest): TextTest {
  const known = new Map<string, boolean>()
  return (text) => {
    let answer = known.get(text)
    if (answer === undefined) {
      answer = test(text)
      if (known.size >= 1000) known.clear()
      known.set(text, answer)
    }
    return answer
  }
}

function keysTest(test: TextTest): Test {
  return (found) => typeof found === 'object' && found !== null && Object.keys(found).some(test)
}

function flagTest(field: QueryField, given: ValueContext): Test {
  equalsOnly(field, given)
  const wanted = readFlag(literalText(given))
  if (wanted === undefined) {
    throw new QueryFault({
      ...given.value.at,
      message: `"${field.name}" is yes or no.`,
      suggestion: closest(literalText(given), ['yes', 'no']),
    })
  }
  return (found) => found === wanted
}

function literalText({ value }: ValueContext): string {
  if (value.kind !== 'regex') return value.text
  throw new QueryFault({ ...value.at, message: 'A regular expression works with text only.' })
}

function numberTest(field: QueryField, given: ValueContext): Test {
  const read = (text: string): number => {
    const number = readNumber(text, field.unit)
    if (number !== undefined) return number
    throw new QueryFault({ ...given.value.at, message: `"${text}" is not ${unitExamples[field.unit ?? 'number']}.` })
  }
  const range = rangeOf(literalText(given))
  if (range) {
    equalsOnly(field, given)
    const [least, most] = [read(range[0]), read(range[1])]
    return (found) => typeof found === 'number' && found >= least && found <= most
  }
  return compare(given.term.operator, read(literalText(given)))
}

function rangeOf(text: string): readonly [string, string] | undefined {
  const at = text.indexOf('..')
  return at > 0 && at + 2 < text.length ? [text.slice(0, at), text.slice(at + 2)] : undefined
}

function compare(operator: Term['operator'], wanted: number): Test {
  switch (operator) {
    case ':':
    case '=':
      return (found) => found === wanted
    case '<':
      return (found) => typeof found === 'number' && found < wanted
    case '<=':
      return (found) => typeof found === 'number' && found <= wanted
    case '>':
      return (found) => typeof found === 'number' && found > wanted
    case '>=':
      return (found) => typeof found === 'number' && found >= wanted
    default:
      return assertNever(operator, 'operator')
  }
}

/** A date is a moment: `created:>2026-01-31` is later. A duration is an age: `created:<7d` is newer. */
function timeTest(field: QueryField, given: ValueContext): Test {
  const text = literalText(given)
  const { operator } = given.term
  const range = rangeOf(text)
  if (range) {
    equalsOnly(field, given)
    const [from, to] = [readDate(range[0]), readDate(range[1])]
    if (from && to) return (found) => typeof found === 'number' && found >= from.from && found < to.to
  }
  const date = readDate(text)
  if (date) return compareDate(operator, date)
  const age = readNumber(text, 'duration')
  if (age === undefined) throw new QueryFault({ ...given.value.at, message: `"${text}" is not ${unitExamples.time}.` })
  if (operator === ':' || operator === '=') {
    throw new QueryFault({
      ...given.value.at,
      message: `Write ${field.name}:<${text} for newer, ${field.name}:>${text} for older.`,
    })
  }
  const test = compare(operator, age)
  const { now } = given.context
  return (found) => typeof found === 'number' && test(now - found)
}

function compareDate(operator: Term['operator'], { from, to }: Moment): Test {
  switch (operator) {
    case ':':
    case '=':
      return (found) => typeof found === 'number' && found >= from && found < to
    case '<':
      return compare('<', from)
    case '<=':
      return compare('<', to)
    case '>':
      return compare('>=', to)
    case '>=':
      return compare('>=', from)
    default:
      return assertNever(operator, 'operator')
  }
}
