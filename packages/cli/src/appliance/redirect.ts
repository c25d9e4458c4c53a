import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { systemCode } from '@nixen/core'
import type { CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { applianceErrors } from './errors.ts'

export interface RedirectFlags extends CommonFlags {
  readonly to?: string
  readonly port?: number
  readonly listen?: number
  /** Milliseconds. */
  readonly idle: number
}

/** First descriptor that systemd hands over (sd_listen_fds(3)). */
const firstDescriptor = 3

/** `nixen appliance redirect`: answers plain HTTP with where the console is, until nobody has come for a while. */
export async function redirect(context: NixenContext, flags: RedirectFlags): Promise<void> {
  const { to, port, listen } = flags
  if (to === undefined && port === undefined) throw applianceErrors.redirect_where()
  const server = redirector((host) => (to === undefined ? elsewhere(host, port ?? 443) : to))
  const handed = Number(context.process.env?.['LISTEN_FDS'] ?? 0) > 0
  if (!handed && listen === undefined) throw applianceErrors.no_socket()
  server.listen(handed ? { fd: firstDescriptor } : { port: listen })
  await once(server, 'listening')
  await untilIdle(server, flags.idle, context.signal)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}

/** A server that sends everybody elsewhere. What is no host name is not repeated. */
export function redirector(target: (host: string) => string | undefined): Server {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    const { host = '', ...rest } = request.headers
    const base = target(host)
    const path = request.url?.startsWith('/') === true ? request.url : '/'
    if (base === undefined || rest.upgrade !== undefined) {
      response.writeHead(400).end()
      return
    }
    // 308 keeps the method; what is sent to plain HTTP by mistake must not be lost on the way.
    response.writeHead(308, { location: `${base.replace(/\/$/, '')}${path}`, 'content-length': 0 }).end()
  })
  server.on('clientError', (error, socket) => {
    if (systemCode(error) !== 'ECONNRESET' && socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  return server
}

/** The same name or address over HTTPS. */
export function elsewhere(host: string, port: number): string | undefined {
  const name = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::\d+)?$/.exec(host)?.[1]
  if (name === undefined) return undefined
  return port === 443 ? `https://${name}` : `https://${name}:${port}`
}

async function untilIdle(server: Server, idle: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let timer = setTimeout(resolve, idle)
  server.on('connection', () => {
    clearTimeout(timer)
    timer = setTimeout(resolve, idle)
  })
  signal.addEventListener('abort', () => resolve(), { once: true })
  if (signal.aborted) resolve()
  await promise
  clearTimeout(timer)
}
