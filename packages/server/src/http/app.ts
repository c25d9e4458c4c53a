import type { IncomingMessage } from 'node:http'
import { errorBody, requestErrors } from '@nixen/api'
import { isAppError, messageOf, systemCode } from '@nixen/core'
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { ServedTls } from '../tls/served.ts'
import { serverErrors } from '../errors.ts'
import { newRequestId } from './request-id.ts'
import { limitTime, passOver, takesFile } from './request-body.ts'
import { securityHeaders } from './security-headers.ts'

/** Largest body of a request, bytes: no input of the contract is near it. */
const bodyLimit = 1024 * 1024

const everyHeader: Record<string, string> = { ...securityHeaders, 'cache-control': 'no-store' }

export interface AppOptions {
  readonly logger: Logger
  readonly tls: ServedTls | undefined
  readonly trustedProxies: readonly string[]
  /** Requests that leave HTTP; other requests to upgrade are answered as if they did not ask. */
  readonly isUpgrade: (request: IncomingMessage) => boolean
}

/** The HTTP server without routes: bodies, errors, headers, logs. */
export function createApp({ logger, tls, trustedProxies, isUpgrade }: AppOptions): FastifyInstance {
  const options = {
    bodyLimit,
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    genReqId: newRequestId,
    // Ids of objects are up to 1024 characters.
    routerOptions: { maxParamLength: 2048, ignoreTrailingSlash: true },
    // The time for a body is watched by a hook: that of a file is long.
    requestTimeout: 0,
    forceCloseConnections: true,
    return503OnClosing: false,
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
  } as const
  const upgrades = { shouldUpgradeCallback: isUpgrade }
  // The two kinds of servers differ in nothing that is used here.
  const app = (tls
    ? fastify({ ...options, https: { ...upgrades, cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' } })
    : fastify({ ...options, http: upgrades })) as unknown as FastifyInstance
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    async (request: FastifyRequest, body: string | Buffer) =>
      takesFile(request) ? undefined : parseJson(String(body)),
  )
  // A route that takes a file reads it itself; the parser leaves it where it is.
  app.addContentTypeParser('*', (request, _payload, done) => {
    done(takesFile(request) ? null : requestErrors.bad_json({ reason: 'its content-type is not application/json' }))
  })
  app.addHook('onRequest', (request, reply, done) => {
    limitTime(request, reply)
    reply.headers(everyHeader)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    passOver(request)
    logRequest(logger, request, reply)
    done()
  })
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = translate(error)
    const { status, body } = errorBody(known, request.id)
    if (status >= 500 && !isAppError(known)) logger.error({ request: request.id, err: known }, 'request failed')
    if (body.error.code.endsWith('too_many_attempts'))
      reply.header('retry-after', String(body.error.details['seconds']))
    return reply.status(status).send(body)
  })
  return app
}

/** Requests are parsed by the contract: fastify's own validators (ajv) are much code that would never run. */
function noSchemas(): never {
  throw new TypeError('No route has a schema of fastify.')
}

function parseJson(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw requestErrors.bad_json({ reason: messageOf(cause) }, { cause })
  }
}

/** fastify's own errors as those of the contract. */
function translate(error: FastifyError): unknown {
  if (isAppError(error)) return error
  switch (systemCode(error) ?? '') {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return requestErrors.too_large({ limit: bodyLimit })
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return requestErrors.bad_json({ reason: 'its content-type is not application/json' })
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return requestErrors.bad_json({ reason: 'its length is not the one that was announced' })
    case 'ERR_SQLITE_ERROR':
      // SQLITE_FULL and SQLITE_IOERR: no room, or a disk that fails.
      return /full|disk I\/O/.test(error.message)
        ? serverErrors.state_full({ reason: error.message }, { cause: error })
        : error
    default:
      return error
  }
}

/** The path alone: a query may hold what people look for. */
function logRequest(logger: Logger, request: FastifyRequest, reply: FastifyReply): void {
  const isFailure = reply.statusCode >= 500
  if (!logger.isLevelEnabled(isFailure ? 'warn' : 'info')) return
  const [path] = request.url.split('?')
  const fields = {
    request: request.id,
    method: request.method,
    path,
    status: reply.statusCode,
    ms: Math.round(reply.elapsedTime * 10) / 10,
    address: request.ip,
  }
  if (isFailure) logger.warn(fields, 'request')
  else logger.info(fields, 'request')
}
