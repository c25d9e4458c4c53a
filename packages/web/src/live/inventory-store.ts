import {
  inventoryTypes,
  type Delta,
  type InventoryObject,
  type InventorySnapshot,
  type InventoryType,
} from '@nixen/api'

/** When to tell listeners: at once, then again after a pause, so that 500 changes a second are a few renderings. */
export type Schedule = (work: () => void) => void

/**
 * The objects of the inventory, as the server's snapshot and deltas say. An object that has not changed stays the same object, so that rows
 * which show it need no new rendering.
 */
export class InventoryStore {
  readonly #tables = new Map<InventoryType, Map<string, InventoryObject>>()
  readonly #lists = new Map<InventoryType, readonly InventoryObject[]>()
  readonly #listeners = new Set<() => void>()
  readonly #schedule: Schedule
  #told = true

  constructor(schedule: Schedule) {
    this.#schedule = schedule
    for (const type of inventoryTypes) this.#tables.set(type, new Map())
  }

  /** Takes a whole snapshot in place of what is there. */
  load(snapshot: InventorySnapshot): void {
    for (const type of inventoryTypes) {
      const objects: readonly InventoryObject[] = snapshot.objects[type] ?? []
      this.#tables.set(type, new Map(objects.map((object) => [object.id, object])))
    }
    this.#lists.clear()
    this.#tell()
  }

  /** Takes changes, in their order. */
  apply(deltas: readonly Delta[]): void {
    for (const delta of deltas) this.#change(delta)
    if (deltas.length > 0) this.#tell()
  }

  /** All objects of a type; the same array until one of them changes. */
  all<T extends InventoryType>(type: T): readonly InventoryObject<T>[] {
    let list = this.#lists.get(type)
    if (!list) this.#lists.set(type, (list = [...(this.#tables.get(type)?.values() ?? [])]))
    // The table of a type holds objects of that type.
    return list as readonly InventoryObject<T>[]
  }

  get<T extends InventoryType>(type: T, id: string): InventoryObject<T> | undefined {
    // As above.
    return this.#tables.get(type)?.get(id) as InventoryObject<T> | undefined
  }

  /** Any object by its id, whose first part is its type; a connection's id has one part. */
  find(id: string): InventoryObject | undefined {
    const dot = id.indexOf('.')
    return this.#tables.get(dot < 0 ? 'connection' : (id.slice(0, dot) as InventoryType))?.get(id)
  }

  /** Names of objects, for queries and cells. */
  readonly nameOf = (id: string): string | undefined => this.find(id)?.name

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #change(delta: Delta): void {
    const table = this.#tables.get(delta.type)
    if (!table) return
    this.#lists.delete(delta.type)
    if (delta.gone) return void table.delete(delta.id)
    const next: Record<string, unknown> = { ...table.get(delta.id), ...delta.set }
    for (const field of delta.unset ?? []) delete next[field]
    // Server and console are of one version: what the server sets is an object of the type.
    table.set(delta.id, next as unknown as InventoryObject)
  }

  #tell(): void {
    if (!this.#told) return
    this.#told = false
    this.#schedule(() => {
      this.#told = true
      for (const listener of this.#listeners) listener()
    })
  }
}

/** Tells at the next chance when it was quiet, otherwise `pause` milliseconds after the last time. */
export function paced(pause: number, now: () => number = () => performance.now()): Schedule {
  let last = Number.NEGATIVE_INFINITY
  return (work) => {
    setTimeout(
      () => {
        last = now()
        work()
      },
      Math.max(0, last + pause - now()),
    )
  }
}
