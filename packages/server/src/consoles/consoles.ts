import {
  connectionErrors,
  connectionOfId,
  consoleEnds,
  consoleErrors,
  demand,
  demandPermission,
  hostCan,
  may,
  vmCan,
  type ConsoleEnd,
  type ConsoleTicket,
  type Host,
  type Vm,
} from '@nixen/api'
import { isAppError, messageOf, type Clock, type Log } from '@nixen/core'
import type { ConsoleStream } from '@nixen/providers'
import type { WebSocket } from 'ws'
import type { AuditLog } from '../audit/audit-log.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Principal } from '../auth/principal.ts'
import type { Connections } from '../connections/connections.ts'
import type { Inventory, InventoryEvent } from '../inventory/inventory.ts'
import { demandVisible } from '../inventory/visible.ts'
import { filterFor } from './filter.ts'
import { OpenConsole, type Visit } from './open-console.ts'
import { Ended, relay, relayLimits, type RelayLimits } from './relay.ts'
import { sayGoodbye } from './say-goodbye.ts'
import { Tickets, type Grant } from './tickets.ts'

export interface ConsolesOptions {
  readonly inventory: Inventory
  readonly connections: Connections
  readonly authenticator: Authenticator
  readonly audit: AuditLog
  readonly clock: Clock
  readonly log: Log
  /** With a slash at its end. */
  readonly basePath: string
  readonly limits?: RelayLimits | undefined
}

/** Open consoles of one user, and of all. */
const mostOfUser = 64
const most = 1000
/** How often it is looked whether sessions and tokens have come to their end, milliseconds. */
const sessionBeat = 10_000

/** The consoles that are open: who may open one, what passes, and when it ends. */
export class Consoles implements AsyncDisposable {
  readonly #options: ConsolesOptions
  readonly #tickets: Tickets
  readonly #open = new Map<OpenConsole, Promise<void>>()
  readonly #stopped = new AbortController()
  readonly #unsubscribe: () => void
  #watching: Promise<void> | undefined

  constructor(options: ConsolesOptions) {
    this.#options = options
    this.#tickets = new Tickets(options.clock)
    this.#unsubscribe = options.inventory.subscribe((event) => this.#follow(event))
  }

  /** How many are open. */
  get count(): number {
    return this.#open.size
  }

  /**
   * Gives a ticket for the console of an object.
   *
   * @throws TYPE.not_found, auth.forbidden, request.not_allowed, console.none, console.too_many, connection.*
   */
  async offer(grant: Grant, { signal }: { readonly signal: AbortSignal }): Promise<ConsoleTicket> {
    const { id, kind, viewOnly } = grant
    this.demandAllowed(grant)
    const { consoles } = this.#options.connections.session(connectionOfId(id))
    const protocol = await consoles.find(id, { kind, signal })
    const { ticket, expires } = this.#tickets.issue(grant)
    return { ticket, url: consolePath(this.#options.basePath), protocol, viewOnly, expires }
  }

  /**
   * Uses a ticket up, and checks all that was checked when it was given: whoever has it may not be allowed any more.
   *
   * @throws console.ticket_unknown, ticket_used, ticket_expired, too_many, auth.expired, and what `offer` throws
   */
  async redeem(ticket: string, visitor: Principal | undefined): Promise<Grant> {
    const grant = this.#tickets.take(ticket)
    if (visitor && visitor.user.id !== grant.who.user.id) throw consoleErrors.ticket_unknown()
    const who = await this.#options.authenticator.again(grant.who)
    if (!who) throw consoleErrors.ticket_unknown()
    const now = { ...grant, who }
    this.demandAllowed(now)
    this.#demandRoom(who)
    return now
  }

  /** Shows a console to a WebSocket until it ends; the audit log gets a line when it begins and one when it ends. Never rejects. */
  async show(viewer: WebSocket, grant: Grant, visit: Omit<Visit, 'name'>): Promise<void> {
    // What it says waits until there is a console; what it says wrongly ends it, and must not end the process.
    viewer.pause()
    viewer.on('error', () => viewer.terminate())
    const name = this.#object(grant)?.name ?? grant.id
    const open = new OpenConsole(grant, { ...visit, name })
    const done = this.#run(viewer, open)
    this.#open.set(open, done)
    this.#watching ??= this.#watch()
    if (this.#stopped.signal.aborted) open.end('stopping')
    await done
    this.#open.delete(open)
  }

  /** Somebody's permissions may have changed: ends what is not allowed any more. */
  recheck(): void {
    for (const open of this.#open.keys()) void this.#judge(open)
  }

  /** Whether the holder of a grant may open the console now. @throws what `offer` throws */
  demandAllowed({ who, type, id, viewOnly }: Grant): void {
    const { inventory } = this.#options
    const object = demandVisible(inventory, { type, id, who })
    demandPermission(who.access, `${type}:console`, object)
    const connection = inventory.get('connection', connectionOfId(id))
    if (connection?.readOnly === true && !viewOnly) throw connectionErrors.read_only({ name: connection.name })
    const limits = { readOnly: false, unsupported: connection?.unsupported }
    // Both of `demandVisible`, by the same type.
    if (type === 'vm') demand(vmCan.console, object as Vm, limits)
    else demand(hostCan.console, object as Host, limits)
  }

  /** Ends all of them, and waits until the audit log has it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort()
    this.#unsubscribe()
    for (const open of this.#open.keys()) open.end('stopping')
    await Promise.all([...this.#open.values(), this.#watching])
  }

  #demandRoom({ user }: Principal): void {
    if (this.#open.size >= most) throw consoleErrors.too_many({ limit: most, of: 'on this server' })
    const mine = [...this.#open.keys()].filter(({ grant }) => grant.who.user.id === user.id)
    if (mine.length >= mostOfUser) throw consoleErrors.too_many({ limit: mostOfUser, of: 'for this user' })
  }

  async #run(viewer: WebSocket, open: OpenConsole): Promise<void> {
    const { log } = this.#options
    try {
      const stream = await this.#connect(open)
      if ('failure' in stream) return await this.#refuse(viewer, open, stream.failure)
      try {
        await this.#relay(viewer, open, stream)
      } finally {
        stream.bytes.destroy()
      }
    } catch (error) {
      log.error('a console failed', { on: open.grant.id, error })
      viewer.terminate()
    }
  }

  async #relay(viewer: WebSocket, open: OpenConsole, stream: ConsoleStream): Promise<void> {
    const { clock, limits = relayLimits } = this.#options
    const began = clock.monotonic()
    await this.#write(open, 'open', {})
    // What was withdrawn while the host was asked.
    await this.#judge(open)
    const filter = filterFor(stream.protocol, open.grant.viewOnly)
    const relayed = await relay(viewer, stream.bytes, { filter, clock, limits, signal: open.signal })
    await this.#write(open, 'close', { ...relayed, milliseconds: Math.round(clock.monotonic() - began) })
  }

  async #connect({ grant, signal }: OpenConsole): Promise<ConsoleStream | { readonly failure: unknown }> {
    const { id, kind } = grant
    try {
      const { consoles } = this.#options.connections.session(connectionOfId(id))
      return await consoles.open(id, { kind, signal })
    } catch (failure) {
      return { failure }
    }
  }

  /** The handshake is over, so the reason goes into the close: its code first, as browsers show no more than 123 bytes. */
  async #refuse(viewer: WebSocket, open: OpenConsole, failure: unknown): Promise<void> {
    const end: ConsoleEnd = failure instanceof Ended ? failure.end : 'failed'
    if (!isAppError(failure) && !(failure instanceof Ended)) {
      this.#options.log.error('a console could not be opened', { on: open.grant.id, error: failure })
    }
    const code = isAppError(failure) ? failure.code : 'request.internal'
    await this.#write(open, 'open', { end, reason: messageOf(failure) }, code)
    const reason = isAppError(failure) ? `${failure.code}: ${failure.message}` : consoleEnds[end].text
    await sayGoodbye(viewer, consoleEnds[end].code, reason)
  }

  async #write(
    open: OpenConsole,
    event: 'open' | 'close',
    more: Readonly<Record<string, unknown>>,
    code?: string,
  ): Promise<void> {
    const { grant, visit } = open
    await this.#options.audit.write({
      action: `${grant.type}.console${event === 'open' ? 'Open' : 'Close'}`,
      ok: code === undefined,
      ...(code === undefined ? {} : { code }),
      who: grant.who,
      note: { on: grant.id, onName: visit.name },
      address: visit.address,
      requestId: visit.requestId,
      details: { kind: grant.kind, viewOnly: grant.viewOnly, ...more },
    })
  }

  #object({ type, id }: Grant): Vm | Host | undefined {
    return this.#options.inventory.get(type, id)
  }

  /** An object changed, or its connection: quick, since it is called for each change. */
  #follow({ type, id }: InventoryEvent): void {
    if (this.#open.size === 0) return
    for (const open of this.#open.keys()) {
      const { grant } = open
      if (type === 'connection' && id === connectionOfId(grant.id)) this.#judgeConnection(open)
      else if (type === grant.type && id === grant.id) this.#judgeObject(open)
    }
  }

  #judgeConnection(open: OpenConsole): void {
    const { id, viewOnly } = open.grant
    const connection = this.#options.inventory.get('connection', connectionOfId(id))
    if (!connection || !connection.enabled) open.end('connection')
    else if (connection.readOnly && !viewOnly) open.end('forbidden')
  }

  /** Ends a console that its object, or what its viewer may do with it, does not allow any more. */
  #judgeObject(open: OpenConsole): void {
    const { grant } = open
    const object = this.#object(grant)
    if (!object) return open.end('stopped')
    if (
      !may(grant.who.access, `${grant.type}:read`, object) ||
      !may(grant.who.access, `${grant.type}:console`, object)
    ) {
      return open.end('forbidden')
    }
    if (!isShown(grant, object)) open.end('stopped')
  }

  async #judge(open: OpenConsole): Promise<void> {
    const { authenticator, log } = this.#options
    try {
      const who = await authenticator.again(open.grant.who)
      if (!who) return open.end('session')
      open.grant = { ...open.grant, who }
      this.#judgeObject(open)
    } catch (error) {
      // Nobody knows whether it is still allowed.
      log.error('the permission for a console cannot be checked', { on: open.grant.id, error })
      open.end('forbidden')
    }
  }

  /** Ends the consoles of sessions and tokens that come to their end. */
  async #watch(): Promise<void> {
    const { clock } = this.#options
    const { signal } = this.#stopped
    while (!signal.aborted) {
      await clock.sleep(sessionBeat, { signal }).catch(() => undefined)
      const now = clock.now()
      const due = [...this.#open.keys()].filter(({ grant: { who } }) => who.expires !== undefined && who.expires <= now)
      await Promise.all(due.map((open) => this.#judge(open)))
    }
  }
}

/** Whether an object is in a state in which it has a console. */
function isShown({ type }: Grant, object: Vm | Host): boolean {
  // The type of a grant is that of its object.
  return (type === 'vm' ? vmCan.console.check(object as Vm) : hostCan.console.check(object as Host)).allowed
}

/** Where the WebSocket of consoles is. */
export function consolePath(basePath: string): `/${string}` {
  return `/${`${basePath}api/v1/console`.replace(/^\/+/, '')}`
}
