import { backoff, isAppError, messageOf, raceSignal, type Clock, type Log, type Random } from '@nixen/core'
import { isXapiError, xapiErrors } from '../errors.ts'
import { atHost, endpointText, type Endpoint } from '../transport/endpoint.ts'

/** A session on a host that is the master. */
export interface Login {
  readonly endpoint: Endpoint
  /** The session reference: as good as the password while the session lives. */
  readonly ref: string
  /** Goes up with every log-in: a session that ended may have ended with its host, and generations of events with it. */
  readonly epoch: number
}

/** What the link needs to do to a host; one attempt each, no retries. */
export interface MasterPort {
  /** Session reference of a log-in; rejects with HOST_IS_SLAVE on a member that is not the master. */
  login(endpoint: Endpoint, signal: AbortSignal): Promise<string>
  /** Looks at the pool once logged in: addresses of all members. */
  members(login: Login, signal: AbortSignal): Promise<readonly string[]>
}

export interface MasterLinkOptions {
  readonly port: MasterPort
  readonly endpoint: Endpoint
  /** Milliseconds for finding a master again. */
  readonly failover: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/**
 * Knows where the master is and holds the session there. Everybody who needs a session while there is none waits for the same log-in. The
 * first log-in gives up after one round over the hosts; a later one goes on until the time for failover is over, since a new master takes a
 * while to be made.
 */
export class MasterLink {
  readonly #options: MasterLinkOptions
  readonly #closed = new AbortController()
  #endpoint: Endpoint
  #members: readonly string[] = []
  #current: Login | undefined
  #opening: Promise<Login> | undefined
  #epoch = 0

  constructor(options: MasterLinkOptions) {
    this.#options = options
    this.#endpoint = options.endpoint
  }

  /** Fires when the link is closed. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** The session in use, if there is one. */
  get current(): Login | undefined {
    return this.#current
  }

  /** The session; logs in when there is none. @throws xapi.no_master, XapiError of the log-in, what the only host's connection failed with */
  async get({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<Login> {
    this.#closed.signal.throwIfAborted()
    if (this.#current) return this.#current
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined))
    return await raceSignal(this.#opening, signal)
  }

  /** Forgets a session that is of no more use, and the master with it when another address is known. Does nothing when it is replaced already. */
  drop(login: Login, { master }: { master?: string } = {}): void {
    if (this.#current !== login) return
    this.#current = undefined
    if (master !== undefined) this.#endpoint = atHost(login.endpoint, master)
  }

  /** No session any more; those who wait for one get `xapi.closed`. Returns the session that was in use. */
  close(): Login | undefined {
    const login = this.#current
    this.#closed.abort(xapiErrors.closed({ what: `The session on ${endpointText(this.#endpoint)}` }))
    this.#current = undefined
    return login
  }

  async #open(): Promise<Login> {
    const { clock, random, failover, log } = this.#options
    const first = this.#epoch === 0
    const giveUpAt = clock.monotonic() + failover
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#round()
      } catch (error) {
        const hopeless = first || isFinal(error) || isAppError(error, 'xapi.certificate_untrusted')
        if (hopeless || this.closed.aborted || clock.monotonic() >= giveUpAt) throw error
        const pause = backoff(attempt, { base: 500, max: 10_000, random })
        log.warn('no master found, trying again', { reason: messageOf(error), pause })
        await clock.sleep(pause, { signal: this.closed })
      }
    }
  }

  /** Asks each known host once, and those that hosts name as their master. */
  async #round(): Promise<Login> {
    const tried = new Map<string, unknown>()
    const queue = [this.#endpoint, ...this.#members.map((address) => atHost(this.#endpoint, address))]
    for (let endpoint = queue.shift(); endpoint; endpoint = queue.shift()) {
      if (tried.has(endpointText(endpoint))) continue
      try {
        return await this.#login(endpoint)
      } catch (error) {
        if (isFinal(error) || this.closed.aborted) throw error
        tried.set(endpointText(endpoint), error)
        const master = isXapiError(error, 'HOST_IS_SLAVE') ? error.params[0] : undefined
        if (master) queue.unshift(atHost(endpoint, master))
      }
    }
    throw failureOf(tried)
  }

  async #login(endpoint: Endpoint): Promise<Login> {
    const { port, log } = this.#options
    const ref = await port.login(endpoint, this.closed)
    const login = { endpoint, ref, epoch: this.#epoch + 1 }
    const members = await port.members(login, this.closed)
    this.closed.throwIfAborted()
    this.#epoch = login.epoch
    this.#endpoint = endpoint
    this.#members = members
    this.#current = login
    log.info('logged in', { host: endpointText(endpoint) })
    return login
  }
}

/** Failures that another host, or a later try, would repeat. */
function isFinal(error: unknown): boolean {
  if (isXapiError(error)) return error.code !== 'HOST_IS_SLAVE' && error.code !== 'HOST_STILL_BOOTING'
  // Anything else that was not made on purpose is a defect.
  return !isAppError(error) || error.code === 'xapi.bad_value'
}

/**
 * With one host its own failure says most; a loop of members or several failures is `xapi.no_master`. A certificate that is not trusted
 * comes first: it is the one thing that waiting does not mend and the user has to look at.
 */
function failureOf(tried: ReadonlyMap<string, unknown>): unknown {
  const untrusted = [...tried.values()].find((error) => isAppError(error, 'xapi.certificate_untrusted'))
  if (untrusted) return untrusted
  const [only] = tried.values()
  if (tried.size === 1 && !isXapiError(only, 'HOST_IS_SLAVE')) return only
  const reason = [...tried].map(([host, error]) => `${host}: ${messageOf(error).replace(/\.$/, '')}`).join('; ')
  return xapiErrors.no_master({ tried: [...tried.keys()], reason }, { cause: only })
}
