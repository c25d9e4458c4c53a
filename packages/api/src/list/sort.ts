import { closest } from '../text/closest.ts'
import { queryErrors } from '../query/errors.ts'
import type { FieldTable, QueryField } from '../query/field-table.ts'
import { compareNatural } from './natural.ts'

/** One field to sort by. */
export interface SortKey {
  readonly field: QueryField
  readonly descending: boolean
}

/** What a sort needs to know beside the objects. */
export interface SortContext {
  /** Epoch milliseconds, for fields like `uptime`. */
  readonly now: number
  /** Name of the object with that id: a list sorted by `host` goes by the names of the hosts. */
  readonly nameOf?: (id: string) => string | undefined
}

/** No order has more fields. */
export const maxSortKeys = 5

/** Reads `-memory,name`. Throws `query.bad_sort`. An empty text is the order by `fallback`, as far as the type has these fields. */
export function parseSort(text: string | undefined, table: FieldTable, fallback = 'name'): readonly SortKey[] {
  if (text === undefined || text.trim() === '') {
    return fallback.split(',').flatMap((part) => sortKey(part, table) ?? [])
  }
  return text.split(',', maxSortKeys).map((part) => {
    const key = sortKey(part, table)
    if (key) return key
    const name = part.trim().replace(/^[-+]/, '').slice(0, 100)
    throw queryErrors.bad_sort({
      field: name,
      suggestion: closest(
        name,
        table.fields.map((field) => field.name),
      ),
    })
  })
}

function sortKey(part: string, table: FieldTable): SortKey | undefined {
  const name = part.trim()
  const field = table.find(name.replace(/^[-+]/, ''))
  return field && field.kind !== 'object' ? { field, descending: name.startsWith('-') } : undefined
}

/** A value that is compared: what is not known is `undefined` and goes last in either direction. */
export type SortValue = string | number | undefined

/** Reads the value of an object under one key. */
export type ReadValue = (object: object) => SortValue

/** Makes the reader of a key: a list counts its items, words go by their declared order, ids by the name behind them. */
export function valueReader({ field }: SortKey, { now, nameOf }: SortContext): ReadValue {
  const { read, kind, words } = field
  const isText = kind === 'label' || kind === 'text'
  const ranks = words && new Map(words.map((word, index) => [word, index]))
  const name = kind === 'id' ? nameReader(nameOf) : shorten
  return (object) => {
    const value = read(object, now)
    if (typeof value === 'number') return value
    if (typeof value === 'string') return ranks ? (ranks.get(value) ?? -1) : name(value)
    if (typeof value === 'boolean') return value ? 0 : 1
    if (Array.isArray(value)) return isText ? textOf(value[0]) : value.length
    return undefined
  }
}

/** Thousands of objects have the same host, pool or storage: its name is looked up once. */
function nameReader(nameOf: SortContext['nameOf']): (id: string) => string {
  const known = new Map<string, string>()
  return (id) => {
    let name = known.get(id)
    if (name === undefined) known.set(id, (name = shorten(nameOf?.(id) ?? id)))
    return name
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? shorten(value) : undefined
}

/** A name of 2 MB does not travel in a cursor: what begins with the same 200 letters goes by id. */
function shorten(value: string): string {
  return value.length > 200 ? value.slice(0, 200).toWellFormed() : value
}

/** Compares two values of one key. */
export function compareValues(a: SortValue, b: SortValue, descending: boolean): number {
  if (a === b) return 0
  if (a === undefined) return 1
  if (b === undefined) return -1
  const order = typeof a === 'string' && typeof b === 'string' ? compareNatural(a, b) : Number(a) - Number(b)
  return descending ? -order : order
}
