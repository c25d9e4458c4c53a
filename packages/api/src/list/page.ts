import { queryErrors } from '../query/errors.ts'
import type { Page } from './list.ts'
import { compareValues, comparator, sortValue, type SortContext, type SortKey, type SortValue } from './sort.ts'

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
  const { keys, limit, cursor } = options
  const compare = comparator(keys, options)
  const isAfter = cursor === undefined ? () => true : afterCursor(cursor, options)
  const first = new Smallest<T>(limit + 1, compare)
  let total = 0
  for (const item of items) {
    if (!matches(item)) continue
    total++
    if (isAfter(item)) first.offer(item)
  }
  const found = first.sorted()
  const last = found[limit - 1]
  if (found.length <= limit || !last) return { items: found, total }
  return { items: found.slice(0, limit), total, next: writeCursor(last, options) }
}

/** The `size` smallest of many, in a heap with the largest of them on top. */
class Smallest<T> {
  readonly #heap: T[] = []
  readonly #size: number
  readonly #compare: (a: T, b: T) => number

  constructor(size: number, compare: (a: T, b: T) => number) {
    this.#size = size
    this.#compare = compare
  }

  offer(item: T): void {
    const heap = this.#heap
    if (heap.length < this.#size) {
      heap.push(item)
      this.#rise(heap.length - 1)
      return
    }
    const [largest] = heap
    if (largest === undefined || this.#compare(item, largest) >= 0) return
    heap[0] = item
    this.#sink()
  }

  sorted(): T[] {
    return this.#heap.toSorted(this.#compare)
  }

  #rise(from: number): void {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1
      if (!this.#swapIfLess(parent, at)) return
      at = parent
    }
  }

  #sink(): void {
    for (let at = 0; ;) {
      const left = 2 * at + 1
      const [a, b] = [this.#heap[left], this.#heap[left + 1]]
      if (a === undefined) return
      const larger = b !== undefined && this.#compare(b, a) > 0 ? left + 1 : left
      if (!this.#swapIfLess(at, larger)) return
      at = larger
    }
  }

  #swapIfLess(parent: number, child: number): boolean {
    const [a, b] = [this.#heap[parent], this.#heap[child]]
    if (a === undefined || b === undefined || this.#compare(a, b) >= 0) return false
    this.#heap[parent] = b
    this.#heap[child] = a
    return true
  }
}

function writeCursor(item: { readonly id: string }, { keys, of, ...context }: PageOptions): string {
  const values = keys.map((key) => sortValue(key, item, context) ?? null)
  return toBase64Url(JSON.stringify([fingerprint(of), values, item.id]))
}

function afterCursor(text: string, { keys, of, ...context }: PageOptions): (item: { readonly id: string }) => boolean {
  const { values, id } = readCursor(text, { of, count: keys.length })
  return (item) => {
    for (const [i, key] of keys.entries()) {
      const order = compareValues(sortValue(key, item, context), values[i], key.descending)
      if (order !== 0) return order > 0
    }
    return item.id > id
  }
}

function readCursor(
  text: string,
  { of, count }: { readonly of: string; readonly count: number },
): { readonly values: readonly SortValue[]; readonly id: string } {
  let parsed: unknown
  try {
    parsed = JSON.parse(fromBase64Url(text))
  } catch (error) {
    throw queryErrors.bad_cursor(undefined, { cause: error })
  }
  const [mark, values, id]: readonly unknown[] = Array.isArray(parsed) ? parsed : []
  if (mark !== fingerprint(of) || typeof id !== 'string' || !Array.isArray(values) || values.length !== count) {
    throw queryErrors.bad_cursor()
  }
  return {
    id,
    values: values.map((value: unknown) =>
      typeof value === 'string' || typeof value === 'number' ? value : undefined,
    ),
  }
}

/** FNV-1a, 32 bits: tells lists apart, protects nothing. */
function fingerprint(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

function toBase64Url(text: string): string {
  const binary = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('')
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function fromBase64Url(text: string): string {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return new TextDecoder().decode(Uint8Array.from(binary, (letter) => letter.charCodeAt(0)))
}
