import { backoff, isAppError, raceSignal, type Clock } from '@nixen/core'
import { nbdErrors } from '../errors.ts'
import type { NbdConnection } from './connection.ts'

export interface ConnectionPoolOptions {
  readonly dial: (signal?: AbortSignal) => Promise<NbdConnection>
  /** Connections at the most. */
  readonly size: number
  /** For how many milliseconds a request is tried again after cuts. */
  readonly resumeWithin: number
  readonly where: string
  readonly clock: Clock
}

/** Connections to one export. Requests go to the one with the fewest under way; what a cut left unanswered goes to a new one. */
export class ConnectionPool {
  readonly #options: ConnectionPoolOptions
  readonly #first: NbdConnection['agreed']
  #connections: NbdConnection[]
  #dialing: Promise<void> | undefined
  #closed = false
  readonly #closing = new AbortController()
  /** Called for each connection that was cut. */
  onCut: (() => void) | undefined

  constructor(first: NbdConnection, options: ConnectionPoolOptions) {
    this.#connections = [first]
    this.#first = first.agreed
    this.#options = options
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#connections.filter((connection) => connection.alive).length
  }

  /** Runs one request on some connection; again on another one while the failure is a cut and there is time. */
  async run<T>(
    work: (connection: NbdConnection) => Promise<T>,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    const { clock, resumeWithin } = this.#options
    let since: number | undefined
    for (let attempt = 0; ; attempt++) {
      signal?.throwIfAborted()
      try {
        return await work(this.#pick() ?? (await this.#dialed(signal)))
      } catch (error) {
        if (this.#closed) throw nbdErrors.closed({ where: this.#options.where })
        since ??= clock.monotonic()
        const left = since + resumeWithin - clock.monotonic()
        if (!isAppError(error) || !error.retryable || left <= 0) throw error
        // The first repetition is at once: a restarted server is most often back already.
        if (attempt > 0) await clock.sleep(Math.min(left, backoff(attempt - 1, { base: 50, max: 5000 })), { signal })
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#closing.abort()
    await Promise.all(this.#connections.map((connection) => connection.close()))
    await this.#dialing?.catch(() => undefined)
  }

  #pick(): NbdConnection | undefined {
    // A cut may have come while nothing was under way.
    this.#dropDead()
    let best: NbdConnection | undefined
    for (const connection of this.#connections) {
      if (!best || connection.load < best.load) best = connection
    }
    // One more connection is made beside the work that is under way.
    if (best && best.load > 0 && this.#connections.length < this.#options.size && !this.#dialing) {
      this.#dial().catch(() => undefined)
    }
    return best
  }

  async #dialed(signal: AbortSignal | undefined): Promise<NbdConnection> {
    if (this.#closed) throw nbdErrors.closed({ where: this.#options.where })
    await raceSignal(this.#dialing ?? this.#dial(), signal)
    const connection = this.#pick()
    if (!connection) throw nbdErrors.disconnected({ where: this.#options.where })
    return connection
  }

  #dial(): Promise<void> {
    this.#dialing = this.#add().finally(() => (this.#dialing = undefined))
    return this.#dialing
  }

  async #add(): Promise<void> {
    const connection = await this.#options.dial(this.#closing.signal)
    const change = this.#closed ? 'connection' : changed(this.#first, connection.agreed)
    if (change === undefined) {
      this.#connections.push(connection)
      return
    }
    await connection.close()
    throw this.#closed
      ? nbdErrors.closed({ where: this.#options.where })
      : nbdErrors.export_changed({ where: this.#options.where, what: change })
  }

  #dropDead(): void {
    const alive = this.#connections.filter((connection) => connection.alive)
    if (alive.length === this.#connections.length) return
    this.#connections = alive
    this.onCut?.()
  }
}

function changed(before: NbdConnection['agreed'], now: NbdConnection['agreed']): string | undefined {
  if (now.size !== before.size) return 'size'
  if (now.flags !== before.flags) return 'set of abilities'
  for (const name of before.contexts.keys()) if (!now.contexts.has(name)) return `metadata context "${name}"`
  return undefined
}
