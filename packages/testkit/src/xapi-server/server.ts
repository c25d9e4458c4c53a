import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { isRecord } from '@nixen/core'
import type { TestCertificate } from '../tls.ts'
import { ApiError, asApiError, RawJson, ScriptedCalls, type MethodHandler } from './calls.ts'
import { ScriptedDatabase } from './database.ts'
import { answerWithFault, FaultPlan, type FaultRule } from './faults.ts'
import { buildSyntheticPool, type SyntheticPoolOptions } from './pool.ts'

/** A handler of a path: gets the parsed URL and the session reference of the cookie. */
export type RouteHandler = (request: IncomingMessage, response: ServerResponse, route: RouteContext) => unknown

export interface RouteContext {
  readonly url: URL
  readonly session: string | undefined
}

export interface ScriptedXapiOptions {
  /** Loopback address; pool members need one each, since a XAPI host names another by address only. */
  readonly address?: string
  readonly port?: number
  /** HTTPS when given, otherwise HTTP. */
  readonly certificate?: TestCertificate
  readonly username?: string
  readonly password?: string
  /** The database of another server: members of one pool share it. */
  readonly db?: ScriptedDatabase
  readonly pool?: SyntheticPoolOptions
}

/** A request that the server has seen. */
export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  /** Method of the API, for calls. */
  readonly call?: string
  readonly params?: readonly unknown[]
}

/** A running server that speaks enough XAPI for clients to work, and breaks where it is told to. */
export interface ScriptedXapi extends AsyncDisposable {
  readonly url: string
  readonly address: string
  readonly port: number
  readonly db: ScriptedDatabase
  readonly calls: ScriptedCalls
  /** Everything asked so far, oldest first. */
  readonly seen: readonly SeenRequest[]
  /** How many connections were accepted so far. */
  readonly connections: number
  /** Lets something go wrong. */
  fail(rule: FaultRule): void
  /** Adds or replaces a method of the API. */
  method(name: string, handler: MethodHandler): void
  /** Adds or replaces the handler of a path; CONNECT handlers use {@link tunnel}. */
  route(method: string, path: string, handler: RouteHandler): void
  /** Takes over the connection of a CONNECT request. */
  tunnel(path: string, handler: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): void
  /** Ends every session, as a restart of the toolstack does. */
  expireSessions(): void
  /** Presents another certificate from now on. */
  setCertificate(certificate: TestCertificate): void
  /** Closes every connection and stops listening; the same as disposing. */
  stop(): Promise<void>
}

/** Starts a server with a synthetic pool on loopback. */
export async function startScriptedXapi(options: ScriptedXapiOptions = {}): Promise<ScriptedXapi> {
  const server = new Server(options)
  await server.listen()
  return server
}

class Server implements ScriptedXapi {
  readonly address: string
  readonly db: ScriptedDatabase
  readonly calls: ScriptedCalls
  readonly seen: SeenRequest[] = []
  connections = 0
  readonly #options: ScriptedXapiOptions
  readonly #http: ReturnType<typeof createServer> | ReturnType<typeof createTlsServer>
  readonly #faults = new FaultPlan()
  readonly #routes = new Map<string, RouteHandler>()
  readonly #tunnels = new Map<string, (request: IncomingMessage, socket: Duplex, head: Buffer) => void>()
  readonly #sockets = new Set<Socket>()
  readonly #stop = new AbortController()

  constructor(options: ScriptedXapiOptions) {
    this.#options = options
    this.address = options.address ?? '127.0.0.1'
    this.db = options.db ?? new ScriptedDatabase()
    const { username = 'root', password = 'secret' } = options
    this.calls = new ScriptedCalls(this.db, { username, password })
    if (!options.db) buildSyntheticPool(this.db, { address: this.address, ...options.pool })
    const { certificate } = options
    const listener = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response)
    this.#http = certificate
      ? createTlsServer({ key: certificate.key, cert: certificate.cert }, listener)
      : createServer(listener)
    this.#http.on('connection', (socket: Socket) => {
      this.connections++
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#http.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#connect(request, socket, head),
    )
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port // It listens on TCP.
  }

  get url(): string {
    return `${this.#options.certificate ? 'https' : 'http'}://${this.address}:${this.port}`
  }

  async listen(): Promise<void> {
    this.#http.listen(this.#options.port ?? 0, this.address)
    await once(this.#http, 'listening')
  }

  fail(rule: FaultRule): void {
    this.#faults.add(rule)
  }

  method(name: string, handler: MethodHandler): void {
    this.calls.set(name, handler)
  }

  route(method: string, path: string, handler: RouteHandler): void {
    this.#routes.set(`${method} ${path}`, handler)
  }

  tunnel(path: string, handler: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): void {
    this.#tunnels.set(path, handler)
  }

  expireSessions(): void {
    this.calls.sessions.clear()
  }

  setCertificate({ key, cert }: TestCertificate): void {
    if ('setSecureContext' in this.#http) this.#http.setSecureContext({ key, cert })
  }

  async stop(): Promise<void> {
    if (this.#stop.signal.aborted) return
    this.#stop.abort()
    const closed = once(this.#http, 'close')
    this.#http.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #connect(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.seen.push({ method: 'CONNECT', url: request.url ?? '', headers: request.headers })
    const handler = this.#tunnels.get(new URL(request.url ?? '/', this.url).pathname)
    if (handler) handler(request, socket, head)
    else socket.end('HTTP/1.1 404 Not Found\r\n\r\n')
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '/' } = request
    response.on('error', () => undefined)
    try {
      const route = new URL(url, this.url)
      if (method === 'POST' && route.pathname === '/jsonrpc') return await this.#rpc(request, response)
      this.seen.push({ method, url, headers: request.headers })
      const fault = this.#faults.take(route.pathname)
      if (fault) return await answerWithFault(response, fault, 'x'.repeat(1 << 20))
      const handler = this.#routes.get(`${method} ${route.pathname}`)
      if (!handler) return void response.writeHead(404).end()
      const session = /(?:^|;\s*)session_id=([^;]+)/.exec(request.headers.cookie ?? '')?.[1]
      await handler(request, response, { url: route, session: session && decodeURIComponent(session) })
    } catch (error) {
      if (response.headersSent) response.destroy()
      else response.writeHead(500).end(String(error))
    }
  }

  async #rpc(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { id, method, params, headers } = await readCall(request)
    this.seen.push({ method: 'POST', url: '/jsonrpc', headers, call: method, params })
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const fault = this.#faults.take(method)
    const answer = await this.#answer(method, params, {
      signal: AbortSignal.any([gone.signal, this.#stop.signal]),
      refusal: fault?.kind === 'error' ? new ApiError(fault.code, ...(fault.params ?? [])) : undefined,
    })
    const tail = `,"id":${JSON.stringify(id)}}`
    if (fault && fault.kind !== 'error') return await answerWithFault(response, fault, [...answer].join('') + tail)
    response.writeHead(200, { 'Content-Type': 'application/json', 'Access-Control-Allow-Origin': '*' })
    await writeParts(response, answer)
    response.end(tail)
  }

  async #answer(
    method: string,
    params: readonly unknown[],
    { signal, refusal }: { signal: AbortSignal; refusal: ApiError | undefined },
  ): Promise<Iterable<string>> {
    try {
      if (refusal) throw refusal
      const result = await this.calls.call(method, params, { signal })
      if (!(result instanceof RawJson)) return [`{"jsonrpc":"2.0","result":${JSON.stringify(result)}`]
      return concat('{"jsonrpc":"2.0","result":', result.parts)
    } catch (error) {
      const { code, params: data } = asApiError(error)
      return [`{"jsonrpc":"2.0","error":${JSON.stringify({ code: 1, message: code, data })}`]
    }
  }
}

async function readCall(request: IncomingMessage) {
  let body = ''
  for await (const part of request.setEncoding('utf8')) body += String(part)
  const call: unknown = JSON.parse(body)
  if (!isRecord(call) || !Array.isArray(call['params'])) throw new TypeError('not a call')
  const params: readonly unknown[] = call['params']
  return { id: call['id'], method: String(call['method']), params, headers: request.headers }
}

/** Joins the parts to pieces of some size, and waits where the other side does not keep up. */
async function writeParts(response: ServerResponse, parts: Iterable<string>): Promise<void> {
  let piece = ''
  for (const part of parts) {
    piece += part
    if (piece.length < 262_144) continue
    if (!response.write(piece)) await drained(response)
    piece = ''
  }
  response.write(piece)
}

async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) throw new Error('the caller is gone')
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.once('drain', done)
    response.once('close', done)
  })
}

function* concat(head: string, parts: Iterable<string>): Generator<string> {
  yield head
  yield* parts
}
