import { inventoryTypes, type ConnectionId, type InventoryObjects, type InventoryType, type Vm } from '@nixen/api'

/** One object came (`before` absent), changed, or went (`after` absent). */
export interface InventoryEvent<T extends InventoryType = InventoryType> {
  readonly type: T
  readonly id: string
  readonly before: InventoryObjects[T] | undefined
  readonly after: InventoryObjects[T] | undefined
}
export type InventoryListener = (event: InventoryEvent) => void

/** Types whose objects come and go all the time, and are referred to by their like only. */
export const fleeting: ReadonlySet<InventoryType> = new Set(['task', 'alarm'])

type Maps = { readonly [T in InventoryType]: Map<string, InventoryObjects[T]> }

/**
 * The live picture of all objects of all connections, in memory. Objects are never changed, only replaced, so whoever holds one
 * holds it as it was. Listeners are called at once and must be quick.
 */
export class Inventory {
  readonly #maps: Maps
  /** Ids by connection and type, so that a connection is told and forgotten without looking at the others. */
  readonly #ofConnection = new Map<ConnectionId, Map<InventoryType, Set<string>>>()
  readonly #listeners = new Set<InventoryListener>()
  #revision = 0
  #names = 0
  /** Adds to a VM what no provider knows, before anybody sees it; gives the same object when there is nothing to add. */
  dress: ((vm: Vm) => Vm) | undefined

  constructor() {
    // One map for each type; `Object.fromEntries` cannot say so.
    this.#maps = Object.fromEntries(inventoryTypes.map((type) => [type, new Map()])) as unknown as Maps
  }

  /** Goes up with every change. */
  get revision(): number {
    return this.#revision
  }

  /** Goes up each time that {@link nameOf} may have another answer for what is not {@link fleeting}. */
  get names(): number {
    return this.#names
  }

  get<T extends InventoryType>(type: T, id: string): InventoryObjects[T] | undefined {
    return this.#maps[type].get(id)
  }

  /** All objects of a type, in the order in which they came. */
  all<T extends InventoryType>(type: T): Iterable<InventoryObjects[T]> {
    return this.#maps[type].values()
  }

  count(type: InventoryType): number {
    return this.#maps[type].size
  }

  /** Ids of one connection's objects of a type. */
  idsOf(connection: ConnectionId, type: InventoryType): ReadonlySet<string> {
    return this.#ofConnection.get(connection)?.get(type) ?? none
  }

  /** Name of an object or connection, for queries that find by the name of what is referred to. */
  nameOf(id: string): string | undefined {
    const dot = id.indexOf('.')
    const type = dot < 0 ? 'connection' : id.slice(0, dot)
    const map: ReadonlyMap<string, object> | undefined = isType(type) ? this.#maps[type] : undefined
    const object = map?.get(id)
    return object && nameIn(object)
  }

  put<T extends InventoryType>(type: T, given: InventoryObjects[T]): void {
    // An object of the type `vm` is a VM.
    const object = type === 'vm' && this.dress ? (this.dress(given as Vm) as InventoryObjects[T]) : given
    const before = this.#maps[type].get(object.id)
    if (before === object) return
    this.#maps[type].set(object.id, object)
    if (!before) this.#index(connectionOf(object), type).add(object.id)
    this.#tell({ type, id: object.id, before, after: object })
  }

  remove(type: InventoryType, id: string): void {
    const before = this.#maps[type].get(id)
    if (!before) return
    this.#maps[type].delete(id)
    this.#index(connectionOf(before), type).delete(id)
    this.#tell({ type, id, before, after: undefined })
  }

  /** Forgets all objects of a connection but the connection itself. */
  removeConnection(connection: ConnectionId): void {
    for (const [type, ids] of this.#ofConnection.get(connection) ?? []) {
      if (type !== 'connection') for (const id of ids) this.remove(type, id)
    }
  }

  /** Calls `listener` for each change from now on. Call the result to stop. */
  subscribe(listener: InventoryListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #index(connection: ConnectionId, type: InventoryType): Set<string> {
    const types = this.#ofConnection.get(connection) ?? new Map<InventoryType, Set<string>>()
    this.#ofConnection.set(connection, types)
    const ids = types.get(type) ?? new Set<string>()
    types.set(type, ids)
    return ids
  }

  #tell(event: InventoryEvent): void {
    this.#revision++
    const { type, before, after } = event
    if (!fleeting.has(type) && (before && nameIn(before)) !== (after && nameIn(after))) this.#names++
    for (const listener of this.#listeners) listener(event)
  }
}

const none: ReadonlySet<string> = new Set()

function nameIn(object: object): string | undefined {
  return 'name' in object && typeof object.name === 'string' ? object.name : undefined
}

function isType(text: string): text is InventoryType {
  return (inventoryTypes as readonly string[]).includes(text)
}

function connectionOf(object: InventoryObjects[InventoryType]): ConnectionId {
  // A connection is the only object without a connection.
  return 'connection' in object ? object.connection : object.id
}
