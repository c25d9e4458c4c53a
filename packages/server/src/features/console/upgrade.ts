import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { authErrors, consoleErrors, consoleSubprotocol, consoleTicketPrefix } from '@nixen/api'
import { isAppError } from '@nixen/core'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { WebSocket, WebSocketServer } from 'ws'
import type { Authenticator } from '../../auth/authenticator.ts'
import type { Principal } from '../../auth/principal.ts'
import { consolePath, type Consoles } from '../../consoles/consoles.ts'
import { readCookie, sessionCookie } from '../../http/cookies.ts'
import { demandSameOrigin } from '../../http/origin.ts'
import { addressOf, ownOrigins } from '../../http/routes.ts'

export interface ConsoleRouteOptions {
  readonly consoles: Consoles
  readonly authenticator: Authenticator
  readonly basePath: string
  readonly publicUrl: string
}

/** Longest message of a viewer, bytes: what somebody pastes. */
const longestMessage = 1024 * 1024

/** A connection that may become a WebSocket. */
interface Upgrade {
  readonly socket: Duplex
  readonly head: Buffer
}

/** Whether a request asks to leave HTTP for the WebSocket of a console; any other request to upgrade is answered as if it did not. */
export function asksForWebSocket({ method, headers, url = '' }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket' && /\/console(\?|$)/.test(url)
}

/**
 * `GET /api/v1/console`: a WebSocket that a ticket opens. Refusals before the handshake are ordinary answers, JSON with a code; what goes
 * wrong later is told by the code that the WebSocket is closed with (`consoleEnds`).
 */
export function addConsoleRoute(app: FastifyInstance, options: ConsoleRouteOptions): void {
  const upgrades = new WeakMap<IncomingMessage, Upgrade>()
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Somebody who leaves before there is a WebSocket.
    socket.on('error', () => socket.destroy())
    upgrades.set(request, { socket, head })
    app.routing(request, refusalOn(request, socket))
  })
  app.get(consolePath(options.basePath), async (request, reply) => {
    await answer(request, reply, { ...options, upgrade: upgrades.get(request.raw) })
    return reply
  })
}

/** An answer to a request that asked for an upgrade and gets none: the connection ends with it. */
function refusalOn(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  // The servers here hand out their own sockets.
  response.assignSocket(socket as Socket)
  // A client that keeps its side open must not keep the server from stopping.
  response.on('finish', () => socket.end(() => socket.destroy()))
  return response
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  { consoles, authenticator, publicUrl, upgrade }: ConsoleRouteOptions & { readonly upgrade: Upgrade | undefined },
): Promise<void> {
  demandSameOrigin(request.headers, ownOrigins(request, publicUrl))
  if (!upgrade) {
    reply.header('upgrade', 'websocket')
    throw consoleErrors.not_websocket()
  }
  const ticket = ticketOf(request)
  const grant = await consoles.redeem(ticket, await visitorOf(request, authenticator))
  const visit = { address: addressOf(request), requestId: request.id }
  const server = await webSockets()
  reply.hijack()
  // The servers here hand out their own sockets.
  reply.raw.detachSocket(upgrade.socket as Socket)
  server.handleUpgrade(request.raw, upgrade.socket, upgrade.head, (viewer: WebSocket) => {
    // It never rejects.
    void consoles.show(viewer, grant, visit)
  })
}

/** @throws console.no_ticket */
function ticketOf({ headers }: FastifyRequest): string {
  const offered = protocolsIn(headers['sec-websocket-protocol'])
  const ticket = offered.find((name) => name.startsWith(consoleTicketPrefix))
  if (ticket === undefined || !offered.includes(consoleSubprotocol)) throw consoleErrors.no_ticket()
  return ticket.slice(consoleTicketPrefix.length)
}

function protocolsIn(header: string | undefined): readonly string[] {
  return (header ?? '').split(',').map((name) => name.trim())
}

/** Who sends the request, when that can be told: a ticket of somebody else is of no use to them. */
async function visitorOf({ headers }: FastifyRequest, authenticator: Authenticator): Promise<Principal | undefined> {
  const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
  const secret = readCookie(headers.cookie, sessionCookie)
  try {
    if (token !== undefined) return await authenticator.byToken(token)
    return secret === undefined || secret === '' ? undefined : await authenticator.bySession(secret)
  } catch (error) {
    if (isAppError(error, 'auth.expired')) throw authErrors.expired()
    throw error
  }
}

let started: Promise<WebSocketServer> | undefined

/** Loaded with the first console: a server that shows none has no use for it. */
async function webSockets(): Promise<WebSocketServer> {
  started ??= import('ws').then(
    ({ WebSocketServer }) =>
      new WebSocketServer({
        noServer: true,
        clientTracking: false,
        // Pixels are compressed by their encodings; a second time would cost a processor and find nothing.
        perMessageDeflate: false,
        maxPayload: longestMessage,
        // The ticket is a secret: it is never repeated.
        handleProtocols: () => consoleSubprotocol,
      }),
  )
  return await started
}
