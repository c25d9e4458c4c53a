import { demandQuery, outsideOf, type Outside } from '../query/compile.ts'
import { queryTable, type QueryType } from '../query/tables.ts'
import { KeptList } from './kept-list.ts'
import type { Page } from './list.ts'
import { pageThrough } from './page.ts'
import { parseSort, type SortContext } from './sort.ts'

/** The query of a list as `listInput` parses it. */
export interface ListQuery {
  readonly q?: string | undefined
  readonly sort?: string | undefined
  readonly limit: number
  readonly cursor?: string | undefined
}

/** What a list needs to know beside the objects. */
export interface ListContext extends SortContext {
  /** Which objects the user may see; all when left out. */
  readonly visible?: (object: object) => boolean
  /** Order when none is asked for; by name when left out. */
  readonly defaultSort?: string
}

/** Answers a list endpoint from objects in memory. Throws `query.invalid`, `query.bad_sort`, `query.bad_cursor`. */
export function listObjects<T extends { readonly id: string }>(
  type: QueryType,
  items: Iterable<T>,
  { q = '', sort, limit, cursor, ...context }: ListQuery & ListContext,
): Page<T> {
  const table = queryTable(type)
  const wanted = demandQuery(q, table, context)
  const { visible } = context
  return pageThrough(items, visible ? (item) => visible(item) && wanted(item) : wanted, {
    ...context,
    keys: parseSort(sort, table, context.defaultSort),
    limit,
    cursor,
    of: nameOfList(type, { q, sort }),
  })
}

/** A list that gives the same pages as {@link listObjects} while the objects change. Throws `query.invalid`, `query.bad_sort`. */
export function keepList<T extends { readonly id: string }>(
  type: QueryType,
  items: Iterable<T>,
  { q = '', sort, ...context }: Pick<ListQuery, 'q' | 'sort'> & SortContext,
): KeptList<T> {
  const table = queryTable(type)
  const matches = demandQuery(q, table, context)
  return new KeptList(items, { ...context, matches, keys: parseSort(sort, table), of: nameOfList(type, { q, sort }) })
}

/** What a list looks at beside its objects. Throws as {@link listObjects}. */
export function outsideOfList(type: QueryType, { q = '', sort }: Pick<ListQuery, 'q' | 'sort'>): Outside {
  const table = queryTable(type)
  const keys = parseSort(sort, table)
  // A moment is a value of the object, how long ago that was is not.
  const time = keys.some(({ field }) => field.unit === 'duration')
  const names = keys.some(({ field }) => field.kind === 'id')
  demandQuery(q, table, { now: 0 })
  const query = outsideOf(q, table)
  return { time: time || query.time, names: names || query.names }
}

/** Tells lists apart, and their cursors. */
function nameOfList(type: QueryType, { q = '', sort = '' }: Pick<ListQuery, 'q' | 'sort'>): string {
  return `${type}?${q}&${sort}`
}
