import type { Predicate } from '../query/compile.ts'
import { readCursor, writeCursor } from './cursor.ts'
import type { Page } from './list.ts'
import { Order, type Place } from './order.ts'
import type { SortContext, SortKey } from './sort.ts'

/** What makes a kept list. */
export interface KeptListOptions extends SortContext {
  readonly keys: readonly SortKey[]
  readonly matches: Predicate
  /** Query and order as they were asked for; a cursor of another list is refused. */
  readonly of: string
}

/**
 * The objects that a query finds, in order, kept so while they change: a page costs what is in it, a change the place that it takes. What
 * the query and the order read must be the objects alone: not the time, and no names that have changed since.
 */
export class KeptList<T extends { readonly id: string }> {
  readonly #items: T[]
  readonly #order: Order<T>
  readonly #matches: Predicate
  readonly #of: string
  readonly #keys: number

  constructor(items: Iterable<T>, options: KeptListOptions) {
    const { matches, of, keys } = options
    this.#order = new Order<T>(options)
    this.#matches = matches
    this.#of = of
    this.#keys = keys.length
    const places = Array.from(items)
      .filter(matches)
      .map((item) => this.#order.place(item))
    this.#items = places.sort((a, b) => this.#order.compare(a, b)).map(({ item }) => item)
  }

  /** Takes a change of one object: it came (`before` absent), is another now, or went (`after` absent). */
  change(before: T | undefined, after: T | undefined): void {
    if (before && this.#matches(before)) {
      const at = this.#firstNotBefore(this.#order.place(before))
      if (this.#items[at] === before) this.#items.splice(at, 1)
    }
    if (after && this.#matches(after)) this.#items.splice(this.#firstNotBefore(this.#order.place(after)), 0, after)
  }

  /** As `pageThrough`. Throws `query.bad_cursor`. */
  page({ limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined }): Page<T> {
    const last = cursor === undefined ? undefined : readCursor(cursor, { of: this.#of, count: this.#keys })
    const from = last === undefined ? 0 : this.#firstBehind(last)
    const items = this.#items.slice(from, from + limit)
    const end = items.at(-1)
    const total = this.#items.length
    if (!end || from + limit >= total) return { items, total }
    return { items, total, next: writeCursor(this.#order, this.#order.place(end), this.#of) }
  }

  #firstBehind(place: Place): number {
    return this.#search((item) => this.#order.compare(this.#order.place(item), place) > 0)
  }

  #firstNotBefore(place: Place): number {
    return this.#search((item) => this.#order.compare(this.#order.place(item), place) >= 0)
  }

  /** Index of the first item for which `reached` holds; it holds for all behind that one. */
  #search(reached: (item: T) => boolean): number {
    let low = 0
    let high = this.#items.length
    while (low < high) {
      const middle = (low + high) >> 1
      const item = this.#items[middle]
      if (item !== undefined && reached(item)) high = middle
      else low = middle + 1
    }
    return low
  }
}
