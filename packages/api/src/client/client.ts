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

/** A file to send: what is at hand (a `Blob` or `File` of a browser, `openAsBlob` of Node) or comes in parts. */
export type UploadBody = Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>

export interface UploadOptions extends CallOptions {
  readonly body: UploadBody
}

/** A file that is being received. It is read once, in one of these ways; who stops reading stops the server. */
export interface Download {
  /** The name that the server gives it. */
  readonly name: string | undefined
  /** Bytes, where the server knows it before. */
  readonly length: number | undefined
  /** The task that makes it. */
  readonly task: string | undefined
  /** Parts as they come. Throws `client.unreachable` when the connection breaks: what came is not the whole file. */
  bytes(): AsyncGenerator<Uint8Array, void>
  /** For the browser: to save it as it comes. */
  stream(): ReadableStream<Uint8Array>
  /** All of it in memory, or where the browser keeps blobs. */
  blob(): Promise<Blob>
}

/** The call can be left out when every field of it can. */
type Arguments<E, Options> =
  Partial<CallOf<E>> extends CallOf<E> ? [call?: CallOf<E>, options?: Options] : [call: CallOf<E>, options?: Options]

/** A method of the client: an async iterable of events for a stream, otherwise a promise of the answer or of the file. */
export type ClientMethod<E> = E extends { readonly upload: readonly string[] }
  ? (call: CallOf<E>, options: UploadOptions) => Promise<OutputOf<E>>
  : E extends { readonly download: string }
    ? (...args: Arguments<E, CallOptions>) => Promise<Download>
    : AnswerMethod<E>
type AnswerMethod<E> = E extends { readonly stream: EventSchemas }
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
  if (endpoint.download !== undefined) {
    const accept = `${endpoint.download}, application/json;q=0.5`
    return async (call: Call = {}, { signal }: CallOptions = {}) =>
      downloadOf(await transport(endpoint, call, { signal, accept }), signal)
  }
  return async (call: Call = {}, { signal, body }: CallOptions & Partial<UploadOptions> = {}) => {
    const file = endpoint.upload && body ? { type: endpoint.upload[0], body } : undefined
    const response = await transport(endpoint, call, { signal, accept: 'application/json', file })
    if (!endpoint.output) return undefined
    return readJson(response, signal)
  }
}

interface SendOptions extends CallOptions {
  readonly accept: string
  readonly lastEventId?: string | undefined
  readonly file?: { readonly type: string; readonly body: UploadBody } | undefined
}

type Transport = (endpoint: EndpointSpec, call: Call, options: SendOptions) => Promise<Response>

/** Sends a call; gives back a successful response or throws. */
function makeTransport({ baseUrl, token, headers, fetch = globalThis.fetch }: ClientOptions): Transport {
  const root = `${baseUrl.replace(/\/+$/, '')}/api/v1`
  return async (endpoint, call, { signal, accept, lastEventId, file }) => {
    const { path, query, body } = buildRequest(endpoint, call)
    const url = `${root}${path === '/' ? '' : path}${query.size > 0 ? `?${query}` : ''}`
    const init: RequestInit = {
      method: endpoint.method,
      credentials: 'same-origin',
      headers: {
        accept,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(file ? { 'content-type': file.type } : {}),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
        ...headers?.(),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(file ? bodyOf(file.body) : {}),
      ...(signal ? { signal } : {}),
    }
    const response = await send(() => fetch(url, init), url, signal)
    if (response.ok) return response
    throw await errorOf(response)
  }
}

/** A body of unknown length is sent as it comes; browsers want to be told (`duplex`). */
function bodyOf(body: UploadBody): RequestInit {
  if (body instanceof Blob || body instanceof Uint8Array) return { body }
  const stream = body instanceof ReadableStream ? body : streamOf(body)
  // `duplex` is in the standard and not yet in the types.
  return { body: stream, duplex: 'half' } as RequestInit
}

function streamOf(parts: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = parts[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await iterator.next()
      if (next.done) controller.close()
      else controller.enqueue(next.value)
    },
    async cancel() {
      await iterator.return?.()
    },
  })
}

function downloadOf(response: Response, signal: AbortSignal | undefined): Download {
  const { headers, url } = response
  const length = headers.get('content-length')
  const body = response.body ?? new ReadableStream<Uint8Array>()
  return {
    name: fileNameIn(headers.get('content-disposition') ?? ''),
    length: length === null ? undefined : Number(length),
    task: headers.get('nixen-task') ?? undefined,
    bytes: () => partsOf(body, { url, signal }),
    stream: () => body,
    blob: async () => await response.blob(),
  }
}

/** The name in `attachment; filename*=UTF-8''web%2001.xva`. */
function fileNameIn(disposition: string): string | undefined {
  const text = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1]
  return text === undefined ? undefined : decodeURIComponent(text)
}

async function* partsOf(
  body: ReadableStream<Uint8Array>,
  { url, signal }: { readonly url: string; readonly signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader()
  let whole = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      whole = done
      if (done) return
      yield value
    }
  } catch (error) {
    if (isAbort(error, signal)) throw error
    throw clientErrors.unreachable(
      { url: new URL(url, 'http://localhost').origin, reason: `the file broke off (${reasonOf(error)})` },
      { cause: error },
    )
  } finally {
    if (!whole) await reader.cancel().catch(() => undefined)
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
