import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { messageOf } from '@nixen/core'
import type { Ref } from '../../generated/rows.ts'
import type { Pool } from '../../pool/pool.ts'
import { sendText, type HttpExchange } from '../../wire/http-exchange.ts'
import type { TakeOver } from '../../wire/server.ts'
import { serveConsole } from './serve.ts'
import { consoleTarget, isTaken } from './target.ts'
import { acceptWebSocket } from './web-socket.ts'

/** CONNECT /console: the screen of a machine that runs on this host, as bytes after the answer's header. */
export function consoleConnector(pool: Pool, host: Ref<'host'>): TakeOver {
  return connector(pool, host, { action: 'connect_console', accept: acceptConnect })
}

/** GET /console as a WebSocket of the subprotocol `binary`: the same bytes in binary messages. */
export function consoleUpgrader(pool: Pool, host: Ref<'host'>): TakeOver {
  return connector(pool, host, { action: 'connect_console_ws', accept: acceptWebSocket })
}

/** A connection that may become a console. */
export interface Connecting {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

interface Way {
  readonly action: string
  /** Answers that the console follows, and gives back its bytes; `undefined` when it has refused. */
  readonly accept: (connecting: Connecting) => Duplex | undefined
}

function connector(pool: Pool, host: Ref<'host'>, way: Way): TakeOver {
  return (request, socket, head) => {
    socket.on('error', () => undefined)
    show(pool, host, { ...way, connecting: { request, socket, head } }).catch((error: unknown) => {
      pool.log.warn('a console failed', { error: messageOf(error) })
      socket.destroy()
    })
  }
}

async function show(
  pool: Pool,
  host: Ref<'host'>,
  { connecting, action, accept }: Way & { connecting: Connecting },
): Promise<void> {
  const { request, socket } = connecting
  const { pathname, searchParams: query } = URL.parse(request.url ?? '', 'http://host') ?? new URL('http://host')
  const response = new ServerResponse(request)
  // The server hands out its own sockets.
  response.assignSocket(socket as Socket)
  const exchange: HttpExchange = { request, response, host, path: pathname, query }
  if (!pathname.startsWith('/console')) return sendText(response, 404, 'No such path.', { connection: 'close' })
  const target = consoleTarget(pool, exchange, action)
  if (!target) return pool.db.commit()
  try {
    if (isTaken(pool, target, exchange)) return
    response.detachSocket(socket as Socket)
    const bytes = accept(connecting)
    if (bytes) await serveConsole(pool, { ...target, host, bytes })
  } finally {
    target.identity.end()
    pool.db.commit()
  }
}

function acceptConnect({ socket, head }: Connecting): Duplex {
  socket.write('HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nCache-Control: no-cache, no-store\r\n\r\n')
  if (head.length > 0) socket.unshift(head)
  return socket
}
