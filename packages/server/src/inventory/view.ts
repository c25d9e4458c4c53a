import { may, type Access, type InventoryObjects, type InventoryType, type Permission } from '@nixen/api'
import { appearTail, changeTail, goneTail, type DeltaTail } from './delta.ts'
import type { Inventory, InventoryEvent } from './inventory.ts'

/** What is kept of a view for clients that are behind. */
export interface ViewLimits {
  /** Deltas. */
  readonly deltas: number
  /** UTF-16 code units of their text. */
  readonly size: number
}
/** A thousand VMs that change a few times a second, for a minute or more. */
export const defaultLimits: ViewLimits = { deltas: 50_000, size: 16 * 1024 * 1024 }

/** The objects of a view at one moment, and the number of the last delta that is in them. */
export interface ViewSnapshot {
  readonly seq: number
  readonly objects: Readonly<Record<InventoryType, readonly object[]>>
}

/**
 * The inventory as some permissions show it, with its deltas numbered. Deltas are kept in one ring for all clients of the view: each
 * client has only its place in it, so a slow client costs nothing and slows nobody; when the ring has passed it, it starts anew.
 */
export class View {
  /** Names it; never used again for another one. */
  readonly id: string
  readonly #inventory: Inventory
  readonly #access: Access
  readonly #types: ReadonlySet<InventoryType>
  readonly #limits: ViewLimits
  /** Objects that clients know of, for the types where only some are shown. */
  readonly #shown = new Map<InventoryType, Set<string>>()
  #tails: DeltaTail[] = []
  /** Number of `#tails[0]`. */
  #first = 1
  #size = 0
  readonly #wakes = new Set<() => void>()

  constructor(id: string, options: ViewOptions) {
    this.id = id
    this.#inventory = options.inventory
    this.#access = options.access
    this.#types = options.types
    this.#limits = options.limits ?? defaultLimits
    for (const type of options.types) {
      if (this.#access.reach(readOf(type)) === 'all') continue
      const seen = new Set<string>()
      for (const object of this.#visible(type)) seen.add(object.id)
      this.#shown.set(type, seen)
    }
  }

  /** Number of the last delta. */
  get seq(): number {
    return this.#first + this.#tails.length - 1
  }

  /** Clients that wait. */
  get waiting(): number {
    return this.#wakes.size
  }

  snapshot(): ViewSnapshot {
    const objects: Partial<Record<InventoryType, readonly object[]>> = {}
    for (const type of this.#types) objects[type] = this.#now(type)
    // Types that were not asked for are left out; the caller writes them empty.
    return { seq: this.seq, objects: objects as Record<InventoryType, readonly object[]> }
  }

  /** The deltas behind `after`, at most `most`; `undefined` when they are not kept any more, or `after` is not of this view. */
  since(after: number, most: number): readonly string[] | undefined {
    const start = after + 1 - this.#first
    if (start < 0 || after > this.seq) return undefined
    return this.#tails.slice(start, start + most).map((tail, index) => `{"seq":${this.#first + start + index},${tail}`)
  }

  /** Calls `wake` after each change, until the result is called. */
  onChange(wake: () => void): () => void {
    this.#wakes.add(wake)
    return () => this.#wakes.delete(wake)
  }

  /** Takes a change of the inventory. `shared` makes the tail once for all views. */
  take(event: InventoryEvent, shared: () => DeltaTail | undefined): void {
    if (!this.#types.has(event.type)) return
    const tail = this.#translate(event, shared)
    if (tail === undefined) return
    this.#tails.push(tail)
    this.#size += tail.length
    this.#trim()
    this.wake()
  }

  /** Makes every client look again. */
  wake(): void {
    for (const wake of this.#wakes) wake()
  }

  #translate({ type, id, after, before }: InventoryEvent, shared: () => DeltaTail | undefined): DeltaTail | undefined {
    const seen = this.#shown.get(type)
    if (!seen) return shared()
    const was = seen.has(id)
    const is = after !== undefined && may(this.#access, readOf(type), after)
    if (!is) {
      seen.delete(id)
      return was ? goneTail(type, id) : undefined
    }
    if (was && before) return shared()
    seen.add(id)
    return appearTail(type, id, after)
  }

  #now(type: InventoryType): readonly object[] {
    const seen = this.#shown.get(type)
    if (!seen) return [...this.#inventory.all(type)]
    return [...seen].flatMap((id) => this.#inventory.get(type, id) ?? [])
  }

  #visible<T extends InventoryType>(type: T): InventoryObjects[T][] {
    return [...this.#inventory.all(type)].filter((object) => may(this.#access, readOf(type), object))
  }

  /** Drops the oldest half at a time: moving the array for each delta would cost more than the delta. */
  #trim(): void {
    if (this.#tails.length <= this.#limits.deltas && this.#size <= this.#limits.size) return
    const drop = Math.ceil(this.#tails.length / 2)
    for (const tail of this.#tails.slice(0, drop)) this.#size -= tail.length
    this.#tails = this.#tails.slice(drop)
    this.#first += drop
  }
}

export interface ViewOptions {
  readonly inventory: Inventory
  readonly access: Access
  readonly types: ReadonlySet<InventoryType>
  readonly limits?: ViewLimits | undefined
}

/** The permission that shows objects of a type. */
export function readOf(type: InventoryType): Permission {
  return `${type}:read`
}

/** The tail of a change for those who see the object before and after. */
export function sharedTail(event: InventoryEvent): () => DeltaTail | undefined {
  let made: { readonly tail: DeltaTail | undefined } | undefined
  return () => {
    made ??= { tail: tailOf(event) }
    return made.tail
  }
}

function tailOf(event: InventoryEvent): DeltaTail | undefined {
  const { type, id, before, after } = event
  if (!after) return goneTail(type, id)
  return before ? changeTail(event) : appearTail(type, id, after)
}
