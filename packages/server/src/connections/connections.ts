import { connectionErrors, newOwnId, type Connection, type ConnectionId } from '@nixen/api'
import { isAbort, type Clock, type Log } from '@nixen/core'
import {
  ConnectionKeeper,
  type ConnectionSpec,
  type ConnectionStatus,
  type InventoryChange,
  type Member,
  type Provider,
  type ProviderPorts,
  type ProviderSession,
} from '@nixen/providers'
import { logContext } from '../http/log-context.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { ConnectionStore, StoredConnection } from './connection-store.ts'

export interface ConnectionsOptions {
  readonly store: ConnectionStore
  readonly inventory: Inventory
  readonly providers: readonly Provider[]
  readonly ports: ProviderPorts
}

interface Live {
  stored: StoredConnection
  status: ConnectionStatus
  keeper: ConnectionKeeper | undefined
  reading: Promise<void>
}

/** What it takes to add a connection. */
export type NewConnection = Omit<StoredConnection, 'id' | 'poolKey' | 'members' | 'created'>
/** What can be changed of one. */
export type ConnectionChanges = Partial<Omit<NewConnection, 'kind'>>

/** The connections of this server: each is kept alive by a keeper of its own, and what it tells goes into the inventory. */
export class Connections implements AsyncDisposable {
  readonly #options: ConnectionsOptions
  readonly #live = new Map<ConnectionId, Live>()
  readonly #clock: Clock
  readonly #log: Log

  constructor(options: ConnectionsOptions) {
    this.#options = options
    this.#clock = options.ports.clock
    this.#log = options.ports.log
  }

  /** Begins to connect everything that is enabled; does not wait for it. */
  async start(): Promise<void> {
    for (const stored of await this.#options.store.all()) this.#begin(stored)
  }

  /** Logs in once, then keeps it. @throws connection.* when it cannot be reached, or is there already */
  async add(wanted: NewConnection, { signal }: { signal: AbortSignal }): Promise<Connection> {
    const id: ConnectionId = newOwnId<'connection'>()
    const poolKey = await this.#tryOut({ ...wanted, id, poolKey: undefined }, signal)
    const stored: StoredConnection = { ...wanted, id, poolKey, members: [], created: this.#clock.now() }
    await this.#options.store.put(stored)
    this.#begin(stored)
    return this.#publish(this.#demand(id))
  }

  /** Changes a connection; what has to do with reaching it is tried out first. */
  async update(id: ConnectionId, changes: ConnectionChanges, { signal }: { signal: AbortSignal }): Promise<Connection> {
    const { stored } = this.#demand(id)
    const given = Object.fromEntries(Object.entries(changes).filter(([key]) => key in changes))
    const next: StoredConnection = { ...stored, ...given }
    const reaching = (['address', 'username', 'password', 'fingerprint'] as const).some(
      (key) => next[key] !== stored[key],
    )
    const poolKey = reaching && next.enabled ? await this.#tryOut(next, signal) : next.poolKey
    await this.#options.store.put({ ...next, poolKey })
    const live = this.#demand(id)
    if (!reaching && next.enabled === stored.enabled) {
      live.stored = { ...next, poolKey }
      return this.#publish(live)
    }
    await this.#end(live)
    this.#begin({ ...next, poolKey })
    return this.#publish(this.#demand(id))
  }

  /** Forgets a connection and what it told. */
  async remove(id: ConnectionId): Promise<void> {
    const live = this.#demand(id)
    await this.#options.store.remove(id)
    this.#live.delete(id)
    await this.#end(live)
    this.#options.inventory.removeConnection(id)
    this.#options.inventory.remove('connection', id)
  }

  /** Tries now, when it waits or has given up. */
  reconnect(id: ConnectionId): Connection {
    const live = this.#demand(id)
    live.keeper?.retry()
    return this.#publish(live)
  }

  /** The session in use. @throws connection.not_found, connection.not_connected */
  session(id: ConnectionId): ProviderSession {
    const { keeper, stored } = this.#demand(id)
    if (!keeper) throw connectionErrors.not_connected({ id, name: this.#nameOf(stored), state: 'disabled' })
    return keeper.session
  }

  /** How a connection is reached, its members and secrets with it: for processes that open sessions of their own. @throws connection.not_found */
  spec(id: ConnectionId): ConnectionSpec {
    const { stored, status } = this.#demand(id)
    return { ...specOf(stored), poolKey: status.poolKey ?? stored.poolKey }
  }

  /** The provider of a kind. @throws connection.unsupported */
  provider(kind: Connection['kind']): Provider {
    const provider = this.#options.providers.find((candidate) => candidate.kind === kind)
    if (provider) return provider
    throw connectionErrors.unsupported({ action: 'connection:add', reason: `this version has no ${kind} provider.` })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#live.values()].map((live) => this.#end(live)))
    this.#live.clear()
  }

  #begin(stored: StoredConnection): void {
    const now = this.#clock.now()
    const state = stored.enabled ? 'connecting' : 'disabled'
    const live: Live = { stored, status: { state, since: now }, keeper: undefined, reading: Promise.resolve() }
    this.#live.set(stored.id, live)
    this.#publish(live)
    if (!stored.enabled) {
      this.#options.inventory.removeConnection(stored.id)
      return
    }
    const onStatus = (status: ConnectionStatus): void => {
      live.status = status
      // A keeper that was replaced says nothing more.
      if (this.#live.get(stored.id) === live) this.#publish(live)
    }
    const provider = this.provider(stored.kind)
    live.keeper = new ConnectionKeeper({ provider, spec: specOf(stored), ports: this.#options.ports, onStatus })
    const { keeper } = live
    // It outlives the request that began it: its lines of the log are not that request's.
    live.reading = logContext.run({}, () => this.#read(live, keeper))
  }

  async #read(live: Live, keeper: ConnectionKeeper): Promise<void> {
    const { id } = live.stored
    try {
      for await (const change of keeper.changes()) await this.#take(live, change)
    } catch (error) {
      if (isAbort(error)) return
      this.#log.error('reading a connection failed', { connection: id, error })
    }
  }

  async #take(live: Live, change: InventoryChange): Promise<void> {
    const { inventory } = this.#options
    if (change.kind === 'reset') return inventory.removeConnection(live.stored.id)
    if (change.kind === 'synced') return await this.#keepMembers(live)
    for (const item of change.changes) {
      if (item.kind === 'remove') inventory.remove(item.type, item.id)
      else inventory.put(item.type, item.object)
    }
  }

  /** Keeps the pool's key and members, so that a pool whose first address is dead is found after a restart too. */
  async #keepMembers(live: Live): Promise<void> {
    const { inventory, store } = this.#options
    const { id } = live.stored
    const members = [...inventory.idsOf(id, 'host')].flatMap((host): Member[] => {
      const found = inventory.get('host', host)
      return found?.address === undefined ? [] : [{ host: found.address, fingerprint: found.certificate }]
    })
    const poolKey = live.status.poolKey ?? live.stored.poolKey
    const next: StoredConnection = { ...live.stored, members, poolKey }
    if (JSON.stringify(next) !== JSON.stringify(live.stored)) {
      live.stored = next
      if (this.#live.get(id) === live) await store.put(next)
    }
    if (this.#live.get(id) === live) this.#publish(live)
  }

  async #end(live: Live): Promise<void> {
    const { keeper } = live
    live.keeper = undefined
    await keeper?.[Symbol.asyncDispose]()
    await live.reading
  }

  /** One log-in, to find out whether it would work. Gives the pool's key. */
  async #tryOut(
    wanted: NewConnection & Pick<StoredConnection, 'id' | 'poolKey'>,
    signal: AbortSignal,
  ): Promise<string> {
    const provider = this.provider(wanted.kind)
    await using session = await provider.open(specOf({ ...wanted, members: [], created: 0 }), this.#options.ports, {
      signal,
    })
    const { poolKey } = session
    for (const { stored } of this.#live.values()) {
      if (stored.id !== wanted.id && stored.poolKey === poolKey) {
        throw connectionErrors.exists({ address: wanted.address, id: stored.id, name: this.#nameOf(stored) })
      }
    }
    return poolKey
  }

  /** As people see it: a connection without a name of its own has that of its pool. */
  #nameOf({ id, address }: StoredConnection): string {
    return this.#options.inventory.get('connection', id)?.name ?? address
  }

  #demand(id: ConnectionId): Live {
    const live = this.#live.get(id)
    if (!live) throw connectionErrors.not_found({ id })
    return live
  }

  #publish({ stored, status }: Live): Connection {
    const { inventory } = this.#options
    const [pool] = inventory.idsOf(stored.id, 'pool')
    const found = pool === undefined ? undefined : inventory.get('pool', pool)
    const { poolKey: _, ...state } = status
    const connection: Connection = {
      id: stored.id,
      kind: stored.kind,
      name: stored.name || found?.name || new URL(stored.address).hostname,
      address: stored.address,
      username: stored.username,
      enabled: stored.enabled,
      readOnly: stored.readOnly,
      ...(stored.fingerprint === undefined ? {} : { fingerprint: stored.fingerprint }),
      ...state,
      ...(found ? { pool: found.id } : {}),
    }
    inventory.put('connection', connection)
    return connection
  }
}

function specOf(stored: StoredConnection): ConnectionSpec {
  const { id, kind, address, username, password, fingerprint, members, poolKey } = stored
  return { id, kind, address, username, password, fingerprint, members, poolKey }
}
