import { Readable } from 'node:stream'
import { constants, createGzip, createZstdCompress } from 'node:zlib'
import {
  allEndpoints,
  authErrors,
  demandPermission,
  parseRequest,
  requestErrors,
  type EndpointSpec,
  type Operation,
} from '@nixen/api'
import { isAppError, type Log } from '@nixen/core'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Principal } from '../auth/principal.ts'
import type { AuditLog } from '../audit/audit-log.ts'
import type { LocalSockets } from '../local/local-door.ts'
import { auditDetails } from '../audit/details.ts'
import { readCookie, sessionCookie, writeCookie } from './cookies.ts'
import { requestBody } from './request-body.ts'
import { logContext } from './log-context.ts'
import {
  handlerOf,
  JsonAnswer,
  StreamAnswer,
  type AnyHandler,
  type AuditNote,
  type Handlers,
  type RequestInfo,
} from './handler.ts'
import { demandSameOrigin } from './origin.ts'

export interface RouteOptions {
  readonly handlers: Handlers
  readonly authenticator: Authenticator
  readonly audit: AuditLog
  readonly localSockets: LocalSockets
  readonly log: Log
  /** With a slash at its end. */
  readonly basePath: string
  readonly publicUrl: string
  /** Aborted when the server stops: ends the streams. */
  readonly stopping: AbortSignal
}

/** Adds a route for each endpoint of the contract. */
export function addRoutes(app: FastifyInstance, options: RouteOptions): void {
  const prefix = `${options.basePath}api/v1`
  for (const operation of allEndpoints) {
    const { endpoint, group, name } = operation
    const handler = handlerOf(options.handlers, group, name)
    app.route({
      method: endpoint.method,
      url: prefix + (endpoint.path === '/' ? '' : endpoint.path),
      config: { takesFile: endpoint.upload !== undefined },
      handler: (request, reply) =>
        logContext.run({ request: request.id }, () => answer({ request, reply, operation, handler }, options)),
    })
  }
  app.setNotFoundHandler((request) => {
    const path = request.url.split('?')[0] ?? ''
    const allowed = methodsAt(path, prefix)
    if (allowed.length > 0) throw requestErrors.wrong_method({ method: request.method, path, allowed })
    throw requestErrors.no_endpoint({ method: request.method, path: path.slice(0, 200) })
  })
}

interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly operation: Operation
  readonly handler: AnyHandler
}

async function answer(exchange: Exchange, options: RouteOptions): Promise<unknown> {
  const { request, operation, handler } = exchange
  const { endpoint } = operation
  let note: AuditNote = {}
  let who: Principal | undefined
  let input: unknown
  const audited = async (error?: unknown): Promise<void> => {
    if (endpoint.audit === undefined) return
    await options.audit.write({
      action: endpoint.audit,
      ok: error === undefined,
      ...(error === undefined ? {} : { code: isAppError(error) ? error.code : 'request.internal' }),
      who,
      note: { ...targetOf(request), ...note },
      address: addressOf(request),
      requestId: request.id,
      details: auditDetails(endpoint, input),
    })
  }
  try {
    who = await identify(exchange, options)
    const { permission } = endpoint
    if (permission !== 'public' && permission !== 'session' && permission !== 'any' && who) {
      demandPermission(who.access, permission)
    }
    const parsed = parseRequest(endpoint, rawOf(request))
    input = parsed.input
    const info = infoOf(exchange, options, (more) => (note = { ...note, ...more }))
    const output = await handler({ ...parsed, who, info })
    await audited()
    return payloadOf(exchange, output)
  } catch (error) {
    // The request's own error counts; what keeps it from being written down is for the log.
    await audited(error).catch((failure: unknown) => options.log.error('the audit log cannot be written', { failure }))
    throw error
  }
}

/** Who asks; `undefined` only where the endpoint is public. */
async function identify({ request, operation }: Exchange, options: RouteOptions): Promise<Principal | undefined> {
  const { endpoint } = operation
  const { authorization, cookie } = request.headers
  const isPublic = endpoint.permission === 'public'
  if (endpoint.method !== 'GET') demandSameOrigin(request.headers, ownOrigins(request, options.publicUrl))
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
  if (token !== undefined) return await options.authenticator.byToken(token)
  if (authorization !== undefined && !isPublic) throw authErrors.required()
  const secret = readCookie(cookie, sessionCookie)
  if (secret === undefined || secret === '') {
    if (options.localSockets.has(request.raw.socket)) return localUser(endpoint, options.authenticator)
    if (isPublic) return undefined
    throw authErrors.required()
  }
  try {
    const principal = await options.authenticator.bySession(secret)
    if (endpoint.method !== 'GET' && !isPublic) demandCsrf(request, principal)
    return principal
  } catch (error) {
    // An old cookie must not keep anybody from logging in.
    if (isPublic && isAppError(error, 'auth.expired')) return undefined
    throw error
  }
}

/** The administrator of this machine has no account to change. */
function localUser({ method, permission }: EndpointSpec, authenticator: Authenticator): Principal {
  if (permission === 'session' && method !== 'GET') throw authErrors.no_account()
  return authenticator.local()
}

/** A unix socket has no address. */
export function addressOf({ ip }: FastifyRequest): string {
  const known: string | undefined = ip
  return known ?? 'local'
}

function demandCsrf(request: FastifyRequest, { via }: Principal): void {
  if (via.kind === 'session' && request.headers['x-csrf-token'] !== via.csrf) {
    throw authErrors.bad_origin({ origin: 'a page without the X-CSRF-Token of this session' })
  }
}

/** Origins of the pages of this server. */
export function ownOrigins(request: FastifyRequest, publicUrl: string): readonly string[] {
  const seen = `${request.protocol}://${request.host}`.toLowerCase()
  return publicUrl === '' ? [seen] : [seen, new URL(publicUrl).origin]
}

function rawOf(request: FastifyRequest): Parameters<typeof parseRequest>[1] {
  const at = request.url.indexOf('?')
  return {
    // fastify's parameters are text by name.
    params: request.params as Readonly<Record<string, string>>,
    ...(at < 0 ? {} : { query: new URLSearchParams(request.url.slice(at + 1)) }),
    body: request.body,
  }
}

function targetOf(request: FastifyRequest): AuditNote {
  // fastify's parameters are text by name.
  const { id } = request.params as Readonly<Record<string, string>>
  return id === undefined ? {} : { on: id.slice(0, 1024) }
}

function infoOf(
  { request, reply, operation }: Exchange,
  options: RouteOptions,
  note: (note: AuditNote) => void,
): RequestInfo {
  let signal: AbortSignal | undefined
  const lastEventId = request.headers['last-event-id']
  return {
    requestId: request.id,
    get address() {
      return addressOf(request)
    },
    agent: request.headers['user-agent'],
    lastEventId: typeof lastEventId === 'string' ? lastEventId : undefined,
    get signal() {
      return (signal ??= AbortSignal.any([goneSignal(reply), options.stopping]))
    },
    body: operation.endpoint.upload ? requestBody(request) : undefined,
    note,
    setStatus: (status) => void reply.status(status),
    setSession: ({ value }) => {
      const secure = request.protocol === 'https'
      reply.header('set-cookie', writeCookie(sessionCookie, value, { secure, path: options.basePath }))
    },
  }
}

/** Aborted when the client goes away. `close` comes after a whole answer too; aborting then has no effect on anything. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  const abort = (): void => gone.abort(requestErrors.cancelled())
  if (reply.raw.destroyed) abort()
  else reply.raw.once('close', abort)
  return gone.signal
}

/** What fastify sends. Waiting for it here would have each request watched until its last byte is out. */
function payloadOf({ request, reply }: Exchange, output: unknown): string | Uint8Array | Readable | undefined {
  if (output === undefined) {
    reply.status(204)
    return undefined
  }
  if (!(output instanceof StreamAnswer)) {
    reply.header('content-type', 'application/json; charset=utf-8')
    return output instanceof JsonAnswer ? output.body : JSON.stringify(output)
  }
  reply.type(output.type).headers(output.headers)
  if (output.type === 'text/event-stream') reply.header('x-accel-buffering', 'no')
  const body = Readable.from(output.chunks, { objectMode: false, highWaterMark: 64 * 1024 })
  return output.compress ? compressed(request, reply, body) : body
}

/** zstd where it is taken (browsers since 2024), otherwise gzip, at the levels that cost least for what they save. */
function compressed(request: FastifyRequest, reply: FastifyReply, body: Readable): Readable {
  const accepted = request.headers['accept-encoding'] ?? ''
  reply.header('vary', 'accept-encoding')
  const fail = (error: Error, stream: Readable): void => void stream.destroy(error)
  if (/\bzstd\b/.test(accepted)) {
    reply.header('content-encoding', 'zstd')
    const stream = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3 } })
    body.on('error', (error) => fail(error, stream))
    return body.pipe(stream)
  }
  if (!/\bgzip\b/.test(accepted)) return body
  reply.header('content-encoding', 'gzip')
  const stream = createGzip({ level: 4 })
  body.on('error', (error) => fail(error, stream))
  return body.pipe(stream)
}

function methodsAt(path: string, prefix: string): readonly string[] {
  return allEndpoints
    .filter(({ endpoint }) => {
      const pattern = `${prefix}${endpoint.path === '/' ? '' : endpoint.path}`.replaceAll('.', String.raw`\.`)
      return new RegExp(`^${pattern.replaceAll(/:[a-zA-Z]+/g, '[^/]+')}/?$`).test(path)
    })
    .map(({ endpoint }) => endpoint.method)
}
