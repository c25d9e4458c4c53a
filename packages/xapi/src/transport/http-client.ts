import { request as startRequest, type Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import { isAppError, systemCode } from '@nixen/core'
import { xapiErrors } from '../errors.ts'
import { TrustedAgent, type ConnectOptions } from './connector.ts'
import { endpointText, type Endpoint } from './endpoint.ts'

/** Which connections a request may use: calls and long polls keep theirs, streams get a new one each. */
export type Lane = 'call' | 'poll' | 'stream'

export interface HttpRequest {
  readonly method: string
  /** Path and query; never with a session reference in it. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string | number>>
  /** All of the body. Without it the caller writes to and ends {@link HttpExchange.request}, if `open` is set. */
  readonly body?: string | Uint8Array
  readonly open?: boolean
  readonly lane: Lane
  readonly signal?: AbortSignal | undefined
}

/** A request that is on its way. */
export interface HttpExchange {
  readonly request: ClientRequest
  /** Resolves with the head of the answer; the body is read from it. */
  readonly answer: Promise<IncomingMessage>
}

/** The connection broke before the first byte of an answer. `reused`: the connection had served before, so the host may just have closed it. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  readonly reused: boolean

  constructor(reused: boolean, cause: unknown) {
    super('The connection broke before an answer came.', { cause })
    this.reused = reused
  }
}

/** HTTP to the hosts of one pool. The certificate rules are those of the {@link ConnectOptions}, whatever the host. */
export class HttpClient implements Disposable {
  readonly #connect: ConnectOptions
  readonly #agents = new Map<string, Agent>()
  readonly #closed = new AbortController()

  constructor(connect: ConnectOptions) {
    this.#connect = connect
  }

  /** Sends a request. `answer` rejects with {@link NoAnswer}, the signal's reason, or what opening the connection threw. */
  send(endpoint: Endpoint, options: HttpRequest): HttpExchange {
    if (this.#closed.signal.aborted) throw xapiErrors.closed({ what: `The connection to ${endpointText(endpoint)}` })
    const { signal } = options
    const request = startRequest({
      agent: this.#agent(endpoint, options.lane),
      protocol: 'http:', // The agent's connection is encrypted already where it should be.
      host: endpoint.host,
      port: endpoint.port,
      method: options.method,
      path: options.path,
      headers: headersOf(endpoint, options),
    })
    const answer = answerOf(request, signal)
    if (!options.open) request.end(options.body)
    return { request, answer }
  }

  /** Closes every connection; requests that are under way end with an error. */
  [Symbol.dispose](): void {
    this.#closed.abort()
    for (const agent of this.#agents.values()) agent.destroy()
    this.#agents.clear()
  }

  #agent(endpoint: Endpoint, lane: Lane): Agent {
    const key = `${lane} ${endpoint.protocol}//${endpointText(endpoint)}`
    let agent = this.#agents.get(key)
    if (!agent) {
      // Last used first: connections that are not needed grow old and are closed by the host.
      const options = { keepAlive: lane !== 'stream', scheduling: 'lifo', maxFreeSockets: 32 } as const
      const connect = { ...this.#connect, signal: this.#closed.signal }
      this.#agents.set(key, (agent = new TrustedAgent(endpoint, connect, options)))
    }
    return agent
  }
}

function headersOf(endpoint: Endpoint, { headers, body, lane }: HttpRequest): Record<string, string | number> {
  const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }
  return { Host: endpointText(endpoint), Connection: lane === 'stream' ? 'close' : 'keep-alive', ...length, ...headers }
}

async function answerOf(request: ClientRequest, signal: AbortSignal | undefined): Promise<IncomingMessage> {
  try {
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const onAbort = (): void => {
        request.destroy(signal?.reason as Error)
        // A request that still waits for its connection says nothing until it has one.
        reject(signal?.reason as Error)
      }
      request.once('response', resolve)
      // Stays for errors after the answer has begun: whoever reads the body gets those.
      request.on('error', reject)
      request.once('close', () => reject(new Error('the connection was closed')))
      if (signal?.aborted) onAbort()
      else signal?.addEventListener('abort', onAbort, { once: true })
      request.once('close', () => signal?.removeEventListener('abort', onAbort))
    })
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    if (isAppError(error)) throw error
    throw new NoAnswer(request.reusedSocket, error)
  }
}

/** Whether the error says that the other side, or the network, ended the connection. */
export function isDisconnect(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE', 'UND_ERR_SOCKET'].includes(
    systemCode(error) ?? '',
  )
}
