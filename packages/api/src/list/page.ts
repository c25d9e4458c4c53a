import { readCursor, writeCursor } from './cursor.ts'
import type { Page } from './list.ts'
import { Order } from './order.ts'
import { Smallest } from './smallest.ts'
import type { SortContext, SortKey } from './sort.ts'

/** What makes a page of a list. */
export interface PageOptions extends SortContext {
  readonly keys: readonly SortKey[]
  /** Most items in the page. */
  readonly limit: number
  /** `next` of the page before. */
  readonly cursor?: string | undefined
  /** Query and order as they were asked for; a cursor of another list is refused. */
  readonly of: string
}

/**
 * The next page of the items that match, in order, and the number of all that match. Looks at each item once and sorts no more
 * than it gives back. Between two pages objects may come, go and change: an object that stays where it is is neither left out nor
 * given twice. Throws `query.bad_cursor`.
 */
export function pageThrough<T extends { readonly id: string }>(
  items: Iterable<T>,
  matches: (item: T) => boolean,
  options: PageOptions,
): Page<T> {
  const { limit, cursor } = options
  const order = new Order<T>(options)
  const last = cursor === undefined ? undefined : readCursor(cursor, { of: options.of, count: options.keys.length })
  const first = new Smallest<T>(limit + 1, order)
  let total = 0
  for (const item of items) {
    if (!matches(item)) continue
    total++
    if (last === undefined || order.compare(order.place(item), last) > 0) first.offer(item)
  }
  const found = first.sorted()
  const end = found[limit - 1]
  const page = found.slice(0, limit).map(({ item }) => item)
  if (found.length <= limit || !end) return { items: page, total }
  return { items: page, total, next: writeCursor(order, end, options.of) }
}
