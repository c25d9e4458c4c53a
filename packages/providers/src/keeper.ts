import { connectionErrors, type Connection, type Failure } from '@nixen/api'
import { anySignal, backoff, isAppError, messageOf, type AppError } from '@nixen/core'
import { InventoryView } from './inventory-view.ts'
import { needsSomebody } from './needs-somebody.ts'
import type { ConnectionSpec, InventoryChange, Provider, ProviderPorts, ProviderSession } from './provider.ts'

/** How a connection stands; the fields are those of `Connection`. */
export type ConnectionStatus = Pick<Connection, 'state' | 'since'> &
  Partial<Pick<Connection, 'retryAt' | 'error' | 'product' | 'activeAddress' | 'unsupported'>> & {
    /** Key of the pool, once it was connected. */
    readonly poolKey?: string
  }

export interface KeeperOptions {
  readonly provider: Provider
  readonly spec: ConnectionSpec
  readonly ports: ProviderPorts
  /** Told each new status, at once. Must not throw. */
  readonly onStatus?: (status: ConnectionStatus) => void
}

/** Longest pause between attempts in milliseconds: a host that is back is seen within 5 s. */
const maxPause = 3500
/** Longest pause after a failure that waiting seldom mends: an answer that makes no sense. */
const maxOddPause = 60_000
/** Milliseconds of silence after which a connection is no longer called degraded. */
const patience = 5000

/**
 * Keeps one connection alive for as long as its changes are read: logs in, reads, and begins again after a pause when the connection
 * breaks, at another member if the first does not answer. A refused password, a certificate that changed and the like are not tried
 * again before {@link retry}. Nothing is shared between keepers, so a pool that is dead or slow costs the others nothing.
 */
export class ConnectionKeeper implements AsyncDisposable {
  readonly #options: KeeperOptions
  readonly #view = new InventoryView()
  readonly #closed = new AbortController()
  #wake = new AbortController()
  #session: ProviderSession | undefined
  #poolKey: string | undefined
  #status: ConnectionStatus
  /** Since when the session's host does not answer; monotonic. */
  #silentSince: number | undefined
  #ended: Promise<void> = Promise.resolve()

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#poolKey = options.spec.poolKey
    this.#status = { state: 'connecting', since: options.ports.clock.now() }
  }

  get status(): ConnectionStatus {
    return this.#status
  }

  /** The session in use. @throws connection.not_connected with the reason when there is none */
  get session(): ProviderSession {
    if (this.#session) return this.#session
    const { id, address } = this.#options.spec
    const { state, error } = this.#status
    throw connectionErrors.not_connected({ id, name: address, state: error ? error.message.replace(/\.$/, '') : state })
  }

  /** Tries now: after a pause is cut short, or when somebody has changed what was wrong. */
  retry(): void {
    this.#wake.abort()
  }

  /**
   * The inventory over all sessions: one `reset`, then changes; `synced` each time that it is the state of the host. Only as fast as the
   * reader takes them; may be read once. Ends when the keeper is closed. @throws the signal's reason
   */
  async *changes({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<InventoryChange, void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#ended = promise
    const stop = anySignal(signal, this.#closed.signal)
    try {
      for (let attempt = 0; ; attempt++) {
        let failure: unknown
        try {
          for await (const change of this.#connected(stop)) {
            if (change.kind === 'synced') attempt = 0
            yield change
          }
        } catch (error) {
          failure = error
        }
        signal?.throwIfAborted()
        if (stop.aborted) return
        await this.#pause(this.#known(failure), attempt, stop)
        signal?.throwIfAborted()
        if (stop.aborted) return
      }
    } finally {
      resolve()
    }
  }

  /** Ends `changes()` and logs out. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new DOMException('The connection is closed', 'AbortError'))
    await this.#ended
  }

  /** One session, from log-in to its end. */
  async *#connected(signal: AbortSignal): AsyncGenerator<InventoryChange, void> {
    const { provider, spec, ports } = this.#options
    this.#set({ state: 'connecting', error: this.#status.error })
    const members = [...(spec.members ?? []), ...this.#view.members()]
    await using session = await provider.open({ ...spec, members, poolKey: this.#poolKey }, ports, {
      signal,
      known: (id) => this.#view.get(id),
    })
    this.#poolKey = session.poolKey
    this.#silentSince = undefined
    try {
      const onInterrupted = (error: unknown): void => this.#interrupted(session, error)
      const onResumed = (): void => {
        this.#silentSince = undefined
        if (this.#session) this.#connectedTo(session)
      }
      for await (const change of session.changes({ signal, onInterrupted, onResumed })) {
        if (change.kind === 'synced' && !this.#session) {
          this.#session = session
          this.#connectedTo(session)
        }
        yield* this.#view.take(change)
      }
    } finally {
      this.#session = undefined
    }
  }

  #connectedTo({ product, activeAddress, capabilities, poolKey }: ProviderSession): void {
    const { unsupported } = capabilities
    this.#set({ state: 'connected', error: undefined, product, activeAddress, unsupported, poolKey })
  }

  /** The session's host does not answer; the session asks it again by itself. */
  #interrupted({ product, poolKey }: ProviderSession, failure: unknown): void {
    const { clock } = this.#options.ports
    this.#silentSince ??= clock.monotonic()
    const known = { product, poolKey, error: failureOf(this.#known(failure)) }
    if (!this.#session) this.#set({ state: 'connecting', ...known })
    else if (clock.monotonic() - this.#silentSince < patience) this.#set({ state: 'degraded', ...known })
    else this.#set({ state: 'waiting', retryAt: clock.now() + 2000, ...known })
  }

  /** Waits until the next attempt is due, asked for, or the keeper is closed. */
  async #pause(error: AppError, attempt: number, stop: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options.ports
    this.#wake = new AbortController()
    const signal = anySignal(stop, this.#wake.signal)
    const { message, code } = error
    if (needsSomebody(error)) {
      log.error('connection failed, somebody has to look', { connection: this.#options.spec.id, code, message })
      this.#set({ state: 'failed', error: failureOf(error) })
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      return
    }
    const pause = backoff(attempt, { base: 500, max: error.retryable ? maxPause : maxOddPause, random })
    log.warn('connection lost, trying again', { connection: this.#options.spec.id, code, message, pause })
    this.#set({ state: 'waiting', error: failureOf(error), retryAt: Math.round(clock.now() + pause) })
    try {
      await clock.sleep(pause, { signal })
    } catch (reason) {
      if (!signal.aborted) throw reason
    }
  }

  /** An error of the contract; a defect is told as a lost connection, and logged as what it is. */
  #known(error: unknown): AppError {
    if (isAppError(error)) return error
    const { spec, ports } = this.#options
    if (error !== undefined) ports.log.error('unexpected failure of a connection', { connection: spec.id, error })
    const reason = error === undefined ? 'it ended' : messageOf(error)
    return connectionErrors.lost({ address: spec.address, reason }, { cause: error })
  }

  #set({
    state,
    ...rest
  }: Omit<ConnectionStatus, 'since' | 'error' | 'activeAddress' | 'retryAt'> & StatusDetails): void {
    const since = state === this.#status.state ? this.#status.since : this.#options.ports.clock.now()
    const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
    const poolKey = this.#poolKey === undefined ? {} : { poolKey: this.#poolKey }
    this.#status = { state, since, ...poolKey, ...given }
    this.#options.onStatus?.(this.#status)
  }
}

interface StatusDetails {
  readonly error?: Failure | undefined
  readonly activeAddress?: string | undefined
  readonly retryAt?: number | undefined
}

function failureOf({ code, message, details }: AppError): Failure {
  return { code, message, details: { ...details } }
}
