import type { Contract, EndpointSpec, OutputOf, ParsedRequest } from '@nixen/api'
import type { Principal } from '../auth/principal.ts'

/** A cookie to set; without a value it is taken away. */
export interface CookieChange {
  readonly value: string | undefined
}

/** What a handler knows of a request beside its parameters and input. */
export interface RequestInfo {
  readonly requestId: string
  /** Of the client, behind trusted proxies. */
  readonly address: string
  readonly agent: string | undefined
  readonly lastEventId: string | undefined
  /** Aborted when the client goes away or the server stops. */
  readonly signal: AbortSignal
  /** The file in the body, where the endpoint takes one. */
  readonly body: RequestBody | undefined
  /** Sets or takes away the session cookie. */
  setSession(change: CookieChange): void
  /** Status of the answer, where it is not 200. */
  setStatus(status: number): void
  /** Says what the audit log shows beside the action. */
  note(note: AuditNote): void
}

/** A file that comes in the body of a request. */
export interface RequestBody {
  /** What messages call it. */
  readonly what: string
  /** Bytes, where the client says. */
  readonly length: number | undefined
  /** As they come, with back-pressure; may be called once. @throws transfer.cut */
  bytes(): AsyncGenerator<Uint8Array, void>
}

export interface AuditNote {
  readonly on?: string
  readonly onName?: string
  readonly userName?: string
}

export interface StreamAnswerOptions {
  readonly type: string
  readonly compress: boolean
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer that is not one piece of JSON. */
export class StreamAnswer {
  readonly type: string
  readonly chunks: AsyncIterable<string | Uint8Array>
  /** Worth compressing when the client can take it. */
  readonly compress: boolean
  readonly headers: Readonly<Record<string, string>>

  constructor(chunks: AsyncIterable<string | Uint8Array>, options: StreamAnswerOptions) {
    this.chunks = chunks
    this.type = options.type
    this.compress = options.compress
    this.headers = options.headers ?? {}
  }
}

/** An answer whose JSON is written already; `T` is what it says. */
export class JsonAnswer<T> {
  /** Never set: keeps an answer of one type from being taken for one of another. */
  declare readonly says: T
  /** UTF-8. */
  readonly body: Uint8Array

  constructor(body: Uint8Array) {
    this.body = body
  }
}

type Who<E> = E extends { readonly permission: 'public' }
  ? { readonly who: Principal | undefined }
  : { readonly who: Principal }
type Answer<E> = E extends { readonly stream: object } | { readonly download: string }
  ? StreamAnswer
  : OutputOf<E> | JsonAnswer<OutputOf<E>> | StreamAnswer

/** Answers one endpoint. The request is parsed and the permission is held, on some object at least. */
export type Handler<E> = (request: ParsedRequest<E> & Who<E> & { readonly info: RequestInfo }) => Promise<Answer<E>>

/** A handler for each endpoint of a group of the contract. */
export type GroupHandlers<G extends keyof Contract> = { readonly [N in keyof Contract[G]]: Handler<Contract[G][N]> }
/** A handler for each endpoint: one that is missing does not compile. */
export type Handlers = { readonly [G in keyof Contract]: GroupHandlers<G> }

/** A handler as the routes call it. */
export type AnyHandler = (request: {
  readonly params: unknown
  readonly input: unknown
  readonly who: Principal | undefined
  readonly info: RequestInfo
}) => Promise<unknown>

/** The handler of an operation, without its types: routes parse by the endpoint that the types come from. */
export function handlerOf(handlers: Handlers, group: string, name: string): AnyHandler {
  const groups: Readonly<Record<string, object>> = handlers
  const found = Object.entries(groups[group] ?? {}).find(([key]) => key === name)
  if (!found) throw new TypeError(`${group}.${name} has no handler.`)
  // `Handlers` has one of these for each endpoint.
  return found[1] as AnyHandler
}

/** What both sides of a route know of an endpoint. */
export type Endpoint = EndpointSpec
