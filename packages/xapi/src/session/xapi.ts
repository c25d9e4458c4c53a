import { silentLog, systemClock, systemRandom } from '@nixen/core'
import type { XapiRequest } from '../client/caller.ts'
import type { EventClassName } from '../generated/records.ts'
import { createCallers, type XapiCallers } from '../client/callers.ts'
import type { XapiChanges } from '../events/changes.ts'
import { readEvents, type EventCall, type EventsOptions } from '../events/event-reader.ts'
import { isXapiError, xapiErrors } from '../errors.ts'
import { followTask, type TaskOptions } from '../tasks/follow-task.ts'
import { TaskWatch } from '../tasks/task-watch.ts'
import { openSocket } from '../transport/connector.ts'
import { endpointText, parseEndpoint, type Endpoint } from '../transport/endpoint.ts'
import { HttpClient } from '../transport/http-client.ts'
import { RpcTransport, wasNotSent, type RpcCall } from '../transport/rpc-transport.ts'
import { TrustStore } from '../transport/trust.ts'
import type { Ref, TaskRef } from '../values/ref.ts'
import { MasterLink, type Login } from './master-link.ts'
import { defaultTimeouts, type XapiOptions, type XapiTimeouts } from './options.ts'
import type { SessionAnswer, SessionCall, StreamContext } from './ports.ts'
import { describePool, type PoolSummary } from './pool-summary.ts'

/**
 * A session with a pool of XCP-ng or XenServer hosts. Finds the master, logs in again when the session has ended, and moves to another member
 * when the master is gone. Dispose it (`await using`) to log out.
 */
export class Xapi implements AsyncDisposable {
  /** Every message of the API, typed: `xapi.client.VM.start(vm, false, false)`, as a task `xapi.client.async.VM.start(vm, false, false)`. */
  readonly client: XapiCallers
  /** For the streams of this package. */
  readonly streams: StreamContext
  readonly #options: XapiOptions
  readonly #timeouts: XapiTimeouts
  readonly #trust: TrustStore
  readonly #http: HttpClient
  readonly #rpc: RpcTransport
  readonly #link: MasterLink
  readonly #tasks: TaskWatch
  /** Result types of tasks that were started here and not followed yet; the oldest are forgotten. */
  readonly #taskTypes = new Map<string, string>()
  #pool: PoolSummary | undefined

  private constructor(options: XapiOptions) {
    const { log = silentLog, clock = systemClock, random = systemRandom, concurrency = 20 } = options
    const timeouts = { ...defaultTimeouts, ...options.timeouts }
    this.#options = options
    this.#timeouts = timeouts
    this.#trust = new TrustStore(options.tls ?? { kind: 'ca' })
    this.#http = new HttpClient({ trust: this.#trust, timeout: timeouts.connect })
    const maxAnswerBytes = options.maxAnswerBytes ?? 512 * 1024 * 1024
    this.#rpc = new RpcTransport(this.#http, { concurrency, callTimeout: timeouts.call, maxAnswerBytes })
    const port = {
      login: async (endpoint: Endpoint, signal: AbortSignal) => await this.#login(endpoint, signal),
      members: async (login: Login, signal: AbortSignal) => await this.#members(login, signal),
    }
    const endpoint = parseEndpoint(options.url)
    this.#link = new MasterLink({ port, endpoint, failover: timeouts.failover, clock, random, log })
    this.client = createCallers(async (method, params, request) => await this.call(method, params, request))
    this.#tasks = new TaskWatch({
      changes: (signal) => this.events({ classes: ['task'], signal }),
      exists: async (ref, signal) => await this.#taskExists(ref, signal),
      clock,
    })
    this.streams = { http: this.#http, timeouts, login: async (wait) => await this.#link.get(wait) }
  }

  /**
   * Logs in.
   *
   * @throws XapiError `SESSION_AUTHENTICATION_FAILED` (after 5 s), xapi.unreachable, certificate_untrusted, timeout, no_master, bad_value
   */
  static async connect(options: XapiOptions): Promise<Xapi> {
    const xapi = new Xapi(options)
    try {
      await xapi.#link.get({ signal: options.signal })
      return xapi
    } catch (error) {
      await xapi[Symbol.asyncDispose]()
      throw error
    }
  }

  /** What the pool said about itself at the last log-in. */
  get pool(): PoolSummary {
    if (!this.#pool) throw new TypeError('connect() has logged in before anybody gets here')
    return this.#pool
  }

  /** `host:port` of the master in use; `undefined` while there is none. */
  get master(): string | undefined {
    return this.#link.current && endpointText(this.#link.current.endpoint)
  }

  /**
   * Calls a method by its name. `xapi.client` is the typed way; this one is for methods that only newer hosts know.
   *
   * A session that the host does not know any more is opened again and the call repeated once; the same with another master when nothing of the
   * call had been sent.
   */
  async call(method: string, params: readonly unknown[], request: SessionCall): Promise<unknown> {
    return (await this.#callAt(method, params, request)).result
  }

  async #callAt(method: string, params: readonly unknown[], request: SessionCall): Promise<SessionAnswer> {
    const repeated = new Set<string>()
    for (;;) {
      const login = await this.#link.get({ signal: request.signal })
      if (request.epoch !== undefined && request.epoch !== login.epoch) {
        throw xapiErrors.moved({ host: endpointText(login.endpoint) })
      }
      try {
        const result = await this.#rpc.call(login.endpoint, wireCall(method, params, { login, request }))
        this.#remember(result, request)
        return { result, epoch: login.epoch }
      } catch (error) {
        const reason = this.#link.closed.aborted || request.signal?.aborted ? undefined : this.#recover(error, login)
        if (reason === undefined || repeated.has(reason)) throw error
        repeated.add(reason)
      }
    }
  }

  /** Changes of the pool's objects, beginning with all there are; see {@link readEvents}. Ends with `xapi.closed` when the session is disposed. */
  events<C extends EventClassName = EventClassName>(
    options: EventsOptions<C> = {},
  ): AsyncGenerator<XapiChanges<C>, void> {
    const { clock = systemClock, random = systemRandom, log = silentLog } = this.#options
    const signal = options.signal ? AbortSignal.any([options.signal, this.#link.closed]) : this.#link.closed
    const call: EventCall = async (method, params, request) => await this.#callAt(method, params, request)
    return readEvents({ call, clock, random, log }, { ...options, signal })
  }

  /**
   * Waits for the end of a task and resolves with its result. Aborting `signal` cancels the task and waits a while for it to end.
   *
   * @throws XapiError of the task, xapi.cancelled, xapi.task_lost
   */
  async follow<Result>(task: TaskRef<Result>, options: TaskOptions = {}): Promise<Result> {
    const resultType = options.resultType ?? this.#taskTypes.get(task)
    this.#taskTypes.delete(task)
    const { clock = systemClock, log = silentLog } = this.#options
    const context = { client: this.client, tasks: this.#tasks, clock, log }
    // Decoded by the type that belongs to the task's method.
    return (await followTask(context, task, { ...options, resultType })) as Result
  }

  /** Waits for the end of a task that a call starts: `await xapi.run(xapi.client.async.VM.start(vm, false, false), { onProgress })`. */
  async run<Result>(started: Promise<TaskRef<Result>>, options: TaskOptions = {}): Promise<Result> {
    return await this.follow(await started, options)
  }

  /** Logs out, if the host still listens, and closes all connections. Never throws, and takes a few seconds at the most. */
  async [Symbol.asyncDispose](): Promise<void> {
    const login = this.#link.close()
    await this.#tasks[Symbol.asyncDispose]()
    if (login) await this.#logout(login)
    this.#http[Symbol.dispose]()
  }

  async #logout({ endpoint, ref }: Login): Promise<void> {
    try {
      await this.#rpc.call(endpoint, { method: 'session.logout', params: [ref], timeout: 3000 })
    } catch (error) {
      // The host ends an unused session by itself after a day.
      this.#options.log?.debug('log-out failed', { host: endpointText(endpoint), error })
    }
  }

  async #login(endpoint: Endpoint, signal: AbortSignal): Promise<string> {
    const { username, password, originator = 'nixen' } = this.#options
    if (this.#trust.trust.kind === 'learn' && endpoint.protocol === 'https:') await this.#introduce(endpoint, signal)
    const params = [username, password, '1.0', originator]
    const timeout = this.#timeouts.login
    const call = { method: 'session.login_with_password', params, resultType: 'string', timeout, signal }
    // The type just asked for.
    return (await this.#rpc.call(endpoint, call)) as string
  }

  /** Lets the user look at a certificate for as long as it takes, before any time-out runs. */
  async #introduce(endpoint: Endpoint, signal: AbortSignal): Promise<void> {
    const socket = await openSocket(endpoint, { trust: this.#trust, timeout: this.#timeouts.connect, signal })
    socket.destroy()
  }

  async #members(login: Login, signal: AbortSignal): Promise<readonly string[]> {
    const { summary, addresses, fingerprints } = await describePool(
      async (method, resultType) =>
        await this.#rpc.call(login.endpoint, {
          method,
          params: [login.ref],
          resultType,
          timeout: this.#timeouts.login,
          signal,
        }),
      login,
    )
    this.#pool = summary
    this.#trust.vouch(fingerprints)
    return addresses
  }

  /** What can be done about a failure before the call is repeated: a name for it, or `undefined`. */
  #recover(error: unknown, login: Login): string | undefined {
    if (isXapiError(error, 'SESSION_INVALID')) {
      this.#link.drop(login)
      return 'session'
    }
    if (isXapiError(error, 'HOST_IS_SLAVE')) {
      this.#link.drop(login, { master: error.params[0] })
      return 'master'
    }
    if (!wasNotSent(error)) return undefined
    this.#link.drop(login)
    return 'host'
  }

  #remember(result: unknown, { taskResultType }: XapiRequest): void {
    if (taskResultType === undefined || typeof result !== 'string') return
    this.#taskTypes.set(result, taskResultType)
    if (this.#taskTypes.size <= 1000) return
    const [oldest] = this.#taskTypes.keys()
    if (oldest !== undefined) this.#taskTypes.delete(oldest)
  }

  async #taskExists(ref: Ref<'task'>, signal: AbortSignal): Promise<boolean> {
    try {
      await this.client.with({ signal }).task.get_status(ref)
      return true
    } catch (error) {
      if (isXapiError(error, 'HANDLE_INVALID')) return false
      throw error
    }
  }
}

function wireCall(
  method: string,
  params: readonly unknown[],
  { login, request }: { login: Login; request: SessionCall },
): RpcCall {
  const { signal, timeout, resultType, onEntry, poll = false, session } = request
  return { method, params: session ? [login.ref, ...params] : params, signal, timeout, resultType, onEntry, poll }
}
