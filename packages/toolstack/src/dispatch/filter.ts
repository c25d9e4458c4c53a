import { fault } from '../errors.ts'
import type { MutableRow } from '../db/row.ts'
import type { ClassModel, FieldModel } from '../model/model.ts'
import { formatDate } from '../wire/dates.ts'

type Predicate = (row: MutableRow) => boolean

/** How deep parentheses and `not` may nest. */
const maxDepth = 200

/**
 * Compiles a filter of `get_all_records_where`: `field "name" = "value"`, `and`, `or`, `not`, `true`, `false` and parentheses. `and` binds tighter
 * than `or`. Anything else is `INVALID_VALUE`.
 */
export function compileFilter(cls: ClassModel, text: string): Predicate {
  const tokens = tokenize(text)
  if (!tokens) throw fault('INVALID_VALUE', 'expr', text)
  const parser = new Parser(cls, tokens, text)
  return parser.parse()
}

function tokenize(text: string): string[] | undefined {
  const tokens: string[] = []
  const pattern = /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|([()=])|([a-z]+))/iy
  let position = 0
  while (text.slice(position).trim() !== '') {
    pattern.lastIndex = position
    const match = pattern.exec(text)
    if (!match) return undefined
    tokens.push(match[1] ?? match[2] ?? (match[3] ?? '').toLowerCase())
    position = pattern.lastIndex
  }
  return tokens
}

class Parser {
  readonly #cls: ClassModel
  readonly #tokens: readonly string[]
  readonly #text: string
  #at = 0

  constructor(cls: ClassModel, tokens: readonly string[], text: string) {
    this.#cls = cls
    this.#tokens = tokens
    this.#text = text
  }

  parse(): Predicate {
    const predicate = this.#or(0)
    if (this.#at < this.#tokens.length) throw this.#bad()
    return predicate
  }

  #or(depth: number): Predicate {
    let left = this.#and(depth)
    while (this.#take('or')) {
      const [a, b] = [left, this.#and(depth)]
      left = (row) => a(row) || b(row)
    }
    return left
  }

  #and(depth: number): Predicate {
    let left = this.#not(depth)
    while (this.#take('and')) {
      const [a, b] = [left, this.#not(depth)]
      left = (row) => a(row) && b(row)
    }
    return left
  }

  #not(depth: number): Predicate {
    if (depth > maxDepth) throw this.#bad()
    if (this.#take('not')) {
      const inner = this.#not(depth + 1)
      return (row) => !inner(row)
    }
    if (this.#take('(')) {
      const inner = this.#or(depth + 1)
      if (!this.#take(')')) throw this.#bad()
      return inner
    }
    if (this.#take('true')) return () => true
    if (this.#take('false')) return () => false
    return this.#comparison()
  }

  #comparison(): Predicate {
    const left = this.#operand()
    if (!this.#take('=')) throw this.#bad()
    const right = this.#operand()
    return (row) => left(row) === right(row)
  }

  #operand(): (row: MutableRow) => string {
    if (this.#take('field')) {
      const name = this.#string()
      const field = this.#cls.fields.find((f) => f.filterName === name || f.name === name)
      if (name === '_ref' || name === 'ref') return (row) => row.ref
      if (!field) throw this.#bad()
      return (row) => databaseText(field, row.values[field.name])
    }
    const value = this.#string()
    return () => value
  }

  #string(): string {
    const token = this.#tokens[this.#at++] ?? ''
    if (!/^["']/.test(token)) throw this.#bad()
    return token.slice(1, -1).replace(/\\(.)/g, '$1')
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false
    this.#at++
    return true
  }

  #bad(): Error {
    return fault('INVALID_VALUE', 'expr', this.#text)
  }
}

/** The form a value has in the host's database, which filters compare with. */
function databaseText(field: FieldModel, value: unknown): string {
  if (field.type.kind === 'datetime') return formatDate(Number(value))
  if (value instanceof Set || Array.isArray(value))
    return `(${[...value].map((item) => `'${String(item)}'`).join(' ')})`
  if (typeof value === 'object' && value !== null) {
    return `(${Object.entries(value)
      .map(([key, entry]) => `('${key}' '${String(entry)}')`)
      .join(' ')})`
  }
  return String(value)
}
