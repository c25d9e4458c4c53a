import { keepList, listObjects, outsideOfList, type InventoryObjects, type InventoryType } from '@nixen/api'
import type { KeptList, ListContext, ListQuery, Outside, Page } from '@nixen/api'
import { fleeting, type Inventory, type InventoryEvent } from './inventory.ts'

/** Lists kept at once; the one that was not asked for longest goes first. Each takes 8 bytes for each object in it. */
const mostKept = 16
/** Questions remembered, to know which list is asked for again. */
const mostAsked = 200
/** Changes that wait for the next question, for each list; one that has more is not asked for and is dropped. */
const mostWaiting = 2000

interface Kept<T extends InventoryType> {
  readonly list: KeptList<InventoryObjects[T]>
  readonly outside: Outside
  /** {@link Inventory.names} when it was made. */
  readonly names: number
  waiting: InventoryEvent<T>[]
}

/**
 * Answers the list endpoint of one type. A list that everything is visible in and that is asked for a second time is kept in order from
 * then on, and brought up to date when it is asked for: dashboards and scripts ask the same questions all day. Every other question looks
 * at each object once.
 */
export class Lists<T extends InventoryType> {
  readonly #inventory: Inventory
  readonly #type: T
  readonly #asked = new Set<string>()
  /** The one asked for last is the last. */
  readonly #kept = new Map<string, Kept<T>>()

  constructor(inventory: Inventory, type: T) {
    this.#inventory = inventory
    this.#type = type
    inventory.subscribe((event) => {
      // The event of a type carries objects of that type.
      if (event.type === type) this.#take(event as InventoryEvent<T>)
    })
  }

  /** Lists that are kept. */
  get kept(): number {
    return this.#kept.size
  }

  /** As `listObjects`, which says what it throws. */
  page(query: ListQuery, { now, visible }: Pick<ListContext, 'now' | 'visible'>): Page<InventoryObjects[T]> {
    const { q, sort } = query
    const inventory = this.#inventory
    const nameOf = (id: string): string | undefined => inventory.nameOf(id)
    const kept = visible ? undefined : this.#keptList({ q, sort }, { now, nameOf })
    if (kept) return kept.page(query)
    const context = { now, nameOf, ...(visible ? { visible } : {}) }
    return listObjects(this.#type, inventory.all(this.#type), { ...query, ...context })
  }

  #keptList(
    question: Pick<ListQuery, 'q' | 'sort'>,
    context: Pick<ListContext, 'now' | 'nameOf'>,
  ): KeptList<InventoryObjects[T]> | undefined {
    const inventory = this.#inventory
    const type = this.#type
    const key = JSON.stringify([question.q ?? '', question.sort ?? ''])
    const known = this.#kept.get(key)
    this.#kept.delete(key)
    if (known && (!known.outside.names || known.names === inventory.names)) {
      this.#kept.set(key, known)
      for (const { before, after } of known.waiting) known.list.change(before, after)
      known.waiting = []
      return known.list
    }
    // Names that change all the time must not cost a new order for each question.
    if (!this.#isAskedAgain(key) || known) return undefined
    const outside = outsideOfList(type, question)
    if (outside.time || (outside.names && fleeting.has(type))) return undefined
    const list = keepList(type, inventory.all(type), { ...question, ...context })
    this.#kept.set(key, { list, outside, names: inventory.names, waiting: [] })
    dropOldest(this.#kept, mostKept)
    return list
  }

  #isAskedAgain(key: string): boolean {
    const again = this.#asked.delete(key)
    this.#asked.add(key)
    dropOldest(this.#asked, mostAsked)
    return again
  }

  #take(event: InventoryEvent<T>): void {
    for (const [key, kept] of this.#kept) {
      kept.waiting.push(event)
      if (kept.waiting.length > mostWaiting) this.#kept.delete(key)
    }
  }
}

/** Sets and maps give their keys in the order in which they were put in. */
function dropOldest(
  collection: { readonly size: number; keys(): Iterable<string>; delete(key: string): boolean },
  most: number,
): void {
  for (const key of collection.keys()) {
    if (collection.size <= most) return
    collection.delete(key)
  }
}
