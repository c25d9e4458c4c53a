import { AppError, isAbort, messageOf, systemClock, type Clock } from '@nixen/core'
import type { CallOf, EndpointSpec, EventOf, EventSchemas, OutputOf } from '../contract/endpoint.ts'
import { contract, type Contract } from '../contract/registry.ts'
import { buildRequest } from '../contract/request.ts'
import { ErrorBody } from '../errors/body.ts'
import { clientErrors } from './errors.ts'
import { followEvents } from './follow.ts'

/** Where the server is and how to speak to it. */
export interface ClientOptions {
  /** Address of the server with its base path, without `/api/v1`: `https://nixen.example.net`. */
  readonly baseUrl: string
  /** API token. A browser leaves it out: the cookie goes by itself. */
  readonly token?: string
  /** More headers, asked for each request: the CSRF token of the session in a browser. */
  readonly headers?: () => Readonly<Record<string, string>>
  readonly fetch?: typeof globalThis.fetch
  readonly clock?: Clock
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/** The call can be left out when every field of it can. */
type Arguments<E, Options> =
  Partial<CallOf<E>> extends CallOf<E> ? [call?: CallOf<E>, options?: Options] : [call: CallOf<E>, options?: Options]

/** A method of the client: an async iterable of events for a stream, otherwise a promise of the answer. */
export type ClientMethod<E> = E extends { readonly stream: EventSchemas }
  ? (...args: Arguments<E, CallOptions>) => AsyncIterable<EventOf<E>>
  : (...args: Arguments<E, CallOptions>) => Promise<OutputOf<E>>

/** A client with a method for each endpoint: `client.vm.list({ q: 'power:running' })`. */
export type Client = {
  readonly [G in keyof Contract]: { readonly [N in keyof Contract[G]]: ClientMethod<Contract[G][N]> }
}

/**
 * Makes a client over `fetch`, for browsers and Node. What goes in and out is typed by the contract.
 *
 * A call gives the answer, or throws the `AppError` that the server answered with, code and details as there
 * (`isAppError(error, 'vm.not_found')`); `client.unreachable` when there is no server, `client.not_nixen` when something else answers. An abort
 * throws the signal's reason. Streams go on by themselves after a break ({@link followEvents}).
 */
export function createClient(options: ClientOptions): Client {
  const groups = Object.entries(contract).map(([group, endpoints]) => {
    const methods = Object.entries<EndpointSpec>(endpoints).map(([name, endpoint]) => [
      name,
      methodOf(endpoint, options),
    ])
    return [group, Object.freeze(Object.fromEntries(methods))]
  })
  // One method for each endpoint, as `Client` says; TypeScript cannot follow the loops.
  return Object.freeze(Object.fromEntries(groups)) as Client
}

type Call = Readonly<Record<string, unknown>>

function methodOf(endpoint: EndpointSpec, options: ClientOptions): unknown {
  const transport = makeTransport(options)
  if (endpoint.stream) {
    return (call: Call = {}, { signal }: CallOptions = {}) =>
      followEvents((lastEventId) => transport(endpoint, call, { signal, accept: 'text/event-stream', lastEventId }), {
        signal,
        clock: options.clock ?? systemClock,
      })
  }
  return async (call: Call = {}, { signal }: CallOptions = {}) => {
    const response = await transport(endpoint, call, { signal, accept: 'application/json' })
    if (!endpoint.output) return undefined
    return readJson(response, signal)
  }
}

interface SendOptions extends CallOptions {
  readonly accept: string
  readonly lastEventId?: string | undefined
}

type Transport = (endpoint: EndpointSpec, call: Call, options: SendOptions) => Promise<Response>

/** Sends a call; gives back a successful response or throws. */
function makeTransport({ baseUrl, token, headers, fetch = globalThis.fetch }: ClientOptions): Transport {
  const root = `${baseUrl.replace(/\/+$/, '')}/api/v1`
  return async (endpoint, call, { signal, accept, lastEventId }) => {
    const { path, query, body } = buildRequest(endpoint, call)
    const url = `${root}${path === '/' ? '' : path}${query.size > 0 ? `?${query}` : ''}`
    const init: RequestInit = {
      method: endpoint.method,
      credentials: 'same-origin',
      headers: {
        accept,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
        ...headers?.(),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    }
    const response = await send(() => fetch(url, init), url, signal)
    if (response.ok) return response
    throw await errorOf(response)
  }
}

async function send(work: () => Promise<Response>, url: string, signal: AbortSignal | undefined): Promise<Response> {
  try {
    return await work()
  } catch (error) {
    if (isAbort(error, signal)) throw error
    throw clientErrors.unreachable(
      { url: new URL(url, 'http://localhost').origin, reason: reasonOf(error) },
      { cause: error },
    )
  }
}

/** Node's `fetch` says "fetch failed" and keeps the reason as the cause. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? error.cause.message : messageOf(error)
}

async function errorOf(response: Response): Promise<AppError> {
  const parsed = ErrorBody.safeParse(await response.json().catch(() => undefined))
  if (!parsed.success) return notNixen(response)
  const { requestId, ...error } = parsed.data.error
  // The server made it by its catalogue; here it is only put together again.
  return new AppError({ ...error, details: { ...error.details, requestId }, status: response.status })
}

async function readJson(response: Response, signal: AbortSignal | undefined): Promise<unknown> {
  const type = response.headers.get('content-type') ?? ''
  if (!type.includes('json')) throw notNixen(response)
  try {
    return await response.json()
  } catch (error) {
    if (isAbort(error, signal)) throw error
    throw clientErrors.unreachable({ url: response.url, reason: messageOf(error) }, { cause: error })
  }
}

function notNixen(response: Response): AppError {
  const type = response.headers.get('content-type') ?? 'no type'
  return clientErrors.not_nixen({ url: response.url, status: response.status, type })
}
