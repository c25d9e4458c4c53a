import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { messageOf, systemCode, type Log } from '@nixen/core'
import { toolstackErrors } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import type { ServerCertificate } from './certificate.ts'
import { sendText, type HttpHandler } from './http-exchange.ts'
import type { Router } from './router.ts'

/** One address that answers for one host. */
export interface Listener extends AsyncDisposable {
  readonly address: string
  readonly port: number
  /** Answers new connections with another certificate; idle ones end. */
  present(certificate: ServerCertificate): void
}

/** Takes over the connection of a request. */
export type TakeOver = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

export interface ListenOptions {
  readonly host: Ref<'host'>
  readonly address: string
  /** 0 takes a free one. */
  readonly port: number
  /** Plain HTTP without it. */
  readonly certificate: ServerCertificate | undefined
  readonly router: Router<HttpHandler>
  readonly log: Log
  /** Answers CONNECT requests; without it they are refused. */
  readonly onConnect?: TakeOver | undefined
  /** Requests to upgrade that leave HTTP, and what takes them; others are answered as if they did not ask. */
  readonly upgrade?: { readonly wanted: (request: IncomingMessage) => boolean; readonly take: TakeOver } | undefined
}

/** Starts to answer for one host. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { certificate, address } = options
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    void answer(options, request, response)
  }
  // Uploads take as long as they take; a client that sends no header is given a minute, as on a host.
  const limits = {
    requestTimeout: 0,
    headersTimeout: 60_000,
    keepAliveTimeout: 60_000,
    shouldUpgradeCallback: (request: IncomingMessage) => options.upgrade?.wanted(request) ?? false,
  }
  const server = certificate
    ? createHttpsServer({ ...limits, key: certificate.key, cert: certificate.cert }, onRequest)
    : createHttpServer(limits, onRequest)
  const sockets = new Set<Duplex>()
  const handOver = (take: TakeOver | undefined): TakeOver => {
    return (request, socket, head) => {
      // Not of HTTP any more, so not closed with the server.
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      if (take) take(request, socket, head)
      else socket.destroy()
    }
  }
  server.on('connect', handOver(options.onConnect))
  server.on('upgrade', handOver(options.upgrade?.take))
  await started(server, address, options.port)
  // A TCP server has an address of this form.
  const { port } = server.address() as AddressInfo
  return {
    address,
    port,
    present({ key, cert }) {
      if (server instanceof HttpsServer) server.setSecureContext({ key, cert })
      server.closeIdleConnections()
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

async function answer(
  { router, host, log }: ListenOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = parseUrl(request.url ?? '/')
  response.on('error', () => undefined)
  try {
    const handler = url && router.find(request.method ?? 'GET', url.pathname)
    if (!url || !handler) return sendText(response, 404, 'No such path on this host.')
    await handler({ request, response, host, path: url.pathname, query: url.searchParams })
  } catch (error) {
    log.error('request failed', { path: url?.pathname, error: messageOf(error) })
    if (response.headersSent) response.destroy()
    else sendText(response, 500, messageOf(error))
  }
}

function parseUrl(target: string): URL | undefined {
  return URL.parse(target, 'http://host') ?? undefined
}

async function started(server: Server, address: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const reason = systemCode(error) === 'EADDRINUSE' ? 'the port is in use' : messageOf(error)
      reject(toolstackErrors.no_address({ address, port, reason }, { cause: error }))
    })
    server.listen(port, address, () => resolve())
  })
}
