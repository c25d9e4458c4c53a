import { demandQuery } from '../query/compile.ts'
import { queryTable, type QueryType } from '../query/tables.ts'
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
    of: `${type}?${q}&${sort ?? ''}`,
  })
}
