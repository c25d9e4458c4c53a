import type { Operator, QueryProblem, Span, Term, Value } from './ast.ts'

/** What a query is made of. */
export type Token =
  | (Span & { readonly kind: '(' | ')' | 'not' | 'and' | 'or' })
  | (Span & { readonly kind: 'term'; readonly term: Term })

const space = /\s/
// A map, and no object: `constructor` is a word like any other.
const keywords: ReadonlyMap<string, 'and' | 'or' | 'not'> = new Map([
  ['and', 'and'],
  ['or', 'or'],
  ['not', 'not'],
])
const operators = ['>=', '<=', '>', '<', '='] as const
/** Where a word of a value ends; a comma as well, when it is a field's. */
const wordEnd = /[\s()"]/
const listWordEnd = /[\s(),"]/
const fieldName = /^[A-Za-z][A-Za-z0-9_.-]*$/

/** Thrown inside the query package only; `parseQuery` gives the problem back. */
export class QueryFault extends Error {
  readonly problem: QueryProblem
  constructor(problem: QueryProblem) {
    super(problem.message)
    this.problem = problem
  }
}

/** Cuts a query into tokens, with one look at each character. Throws a {@link QueryFault}. */
export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = []
  let offset = 0
  while (offset < text.length) {
    const letter = text.charAt(offset)
    if (space.test(letter)) {
      offset++
      continue
    }
    const token = simpleToken(letter, offset) ?? keywordOrTerm(text, offset)
    tokens.push(token)
    offset = token.offset + token.length
  }
  return tokens
}

function simpleToken(letter: string, offset: number): Token | undefined {
  if (letter === '(' || letter === ')') return { kind: letter, offset, length: 1 }
  return letter === '!' ? { kind: 'not', offset, length: 1 } : undefined
}

function keywordOrTerm(text: string, offset: number): Token {
  const term = readTerm(text, offset)
  const [value] = term.values
  const keyword = term.field || value?.kind !== 'word' ? undefined : keywords.get(value.text.toLowerCase())
  return keyword ? { kind: keyword, ...term.at } : { kind: 'term', term, ...term.at }
}

function readTerm(text: string, offset: number): Term {
  const first = text.charAt(offset)
  if (first !== '"' && first !== '/') {
    const end = endOf(text, offset, wordEnd)
    const colon = text.indexOf(':', offset)
    const name = colon >= 0 && colon < end ? text.slice(offset, colon) : ''
    if (fieldName.test(name)) return readFieldTerm(text, { name, at: { offset, length: name.length } })
  }
  const value = readValue(text, offset, wordEnd)
  mustEnd(text, after(value.at), wordEnd)
  return { kind: 'term', operator: ':', values: [value], at: value.at }
}

function readFieldTerm(text: string, field: { readonly name: string; readonly at: Span }): Term {
  let offset = after(field.at) + 1
  const operator: Operator = operators.find((operator) => text.startsWith(operator, offset)) ?? ':'
  if (operator !== ':') offset += operator.length
  const values: Value[] = []
  for (;;) {
    const value = readValue(text, offset, listWordEnd)
    values.push(value)
    offset = after(value.at)
    if (text[offset] !== ',') break
    offset++
  }
  mustEnd(text, offset, wordEnd)
  return { kind: 'term', field, operator, values, at: { offset: field.at.offset, length: offset - field.at.offset } }
}

function readValue(text: string, offset: number, end: RegExp): Value {
  const first = text.charAt(offset)
  if (first === '"') return readQuoted(text, offset)
  if (first === '/') return readRegex(text, offset)
  const length = endOf(text, offset, end) - offset
  if (length > 0) return { kind: 'word', text: text.slice(offset, offset + length), at: { offset, length } }
  throw new QueryFault({
    offset,
    length: offset < text.length ? 1 : 0,
    message:
      first === '('
        ? 'Brackets hold whole conditions. Write several values with commas: power:running,paused.'
        : 'A value is missing here.',
  })
}

function readQuoted(text: string, offset: number): Value {
  let value = ''
  for (let i = offset + 1; i < text.length; i++) {
    const letter = text.charAt(i)
    if (letter === '"') return { kind: 'quoted', text: value, at: { offset, length: i + 1 - offset } }
    if (letter === '\\' && (text[i + 1] === '"' || text[i + 1] === '\\')) i++
    value += text.charAt(i)
  }
  throw new QueryFault({ offset, length: text.length - offset, message: 'The closing quote (") is missing.' })
}

function readRegex(text: string, offset: number): Value {
  let inClass = false
  for (let i = offset + 1; i < text.length; i++) {
    const letter = text.charAt(i)
    if (letter === '\\') i++
    else if (letter === '[') inClass = true
    else if (letter === ']') inClass = false
    else if (letter === '/' && !inClass) return regexValue(text, offset, i)
  }
  throw new QueryFault({
    offset,
    length: text.length - offset,
    message: 'The closing slash of the regular expression is missing. Put text that begins with a slash in quotes.',
  })
}

function regexValue(text: string, offset: number, close: number): Value {
  const ignoreCase = text[close + 1] === 'i'
  const length = close + (ignoreCase ? 2 : 1) - offset
  return { kind: 'regex', source: text.slice(offset + 1, close), ignoreCase, at: { offset, length } }
}

function mustEnd(text: string, offset: number, end: RegExp): void {
  if (offset >= text.length || (end.test(text.charAt(offset)) && text[offset] !== '"')) return
  throw new QueryFault({ offset, length: 1, message: `A space is missing before "${text.charAt(offset)}".` })
}

function endOf(text: string, offset: number, end: RegExp): number {
  let i = offset
  while (i < text.length && !end.test(text.charAt(i))) i++
  return i
}

function after(span: Span): number {
  return span.offset + span.length
}
