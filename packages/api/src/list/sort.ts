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

/** The value of an object under one key: a list counts its items, words go by their declared order, ids by the name behind them. */
export function sortValue({ field }: SortKey, object: object, { now, nameOf }: SortContext): SortValue {
  const value = field.read(object, now)
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 0 : 1
  if (Array.isArray(value)) return field.kind === 'label' || field.kind === 'text' ? textOf(value[0]) : value.length
  if (typeof value !== 'string') return undefined
  if (field.words) return field.words.indexOf(value)
  return shorten(field.kind === 'id' ? (nameOf?.(value) ?? value) : value)
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

/** A total order of objects: by the keys, then by id. */
export function comparator(
  keys: readonly SortKey[],
  context: SortContext,
): (a: { readonly id: string }, b: { readonly id: string }) => number {
  return (a, b) => {
    for (const key of keys) {
      const order = compareValues(sortValue(key, a, context), sortValue(key, b, context), key.descending)
      if (order !== 0) return order
    }
    return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
  }
}
