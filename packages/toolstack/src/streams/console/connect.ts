import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { messageOf } from '@nixen/core'
import { isXapiError } from '@nixen/xapi'
import { fault } from '../../errors.ts'
import type { Enums, Ref } from '../../generated/rows.ts'
import type { Pool } from '../../pool/pool.ts'
import { authenticate } from '../../wire/http-auth.ts'
import { sendText } from '../../wire/http-exchange.ts'
import { namedObject } from '../objects.ts'
import { serveRfb } from './rfb.ts'
import { serveVt100 } from './vt100.ts'

/** CONNECT /console: the screen of a machine that runs on this host, as bytes after the answer's header. */
export function consoleConnector(
  pool: Pool,
  host: Ref<'host'>,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  return (request, socket, head) => {
    socket.on('error', () => undefined)
    connect(pool, host, { request, socket, head }).catch((error: unknown) => {
      pool.log.warn('a console failed', { error: messageOf(error) })
      socket.destroy()
    })
  }
}

interface Connecting {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

async function connect(pool: Pool, host: Ref<'host'>, { request, socket, head }: Connecting): Promise<void> {
  const { db } = pool
  const { pathname, searchParams: query } = URL.parse(request.url ?? '', 'http://host') ?? new URL('http://host')
  const response = new ServerResponse(request)
  // The server hands out its own sockets.
  response.assignSocket(socket as Socket)
  if (!pathname.startsWith('/console')) return sendText(response, 404, 'No such path.', { connection: 'close' })
  const exchange = { request, response, host, path: pathname, query }
  const identity = authenticate(pool, exchange, { permission: 'connect_console', minRole: 'vm-operator' })
  if (!identity) return
  try {
    const { vm, protocol } = consoleOf(pool, query)
    const { power_state, resident_on, name_label } = db.get('VM', vm)
    if (power_state !== 'Running') throw fault('VM_BAD_POWER_STATE', vm, 'running', power_state.toLowerCase())
    if (resident_on !== host) {
      const { address } = db.get('host', resident_on)
      const scheme = 'encrypted' in request.socket ? 'https' : 'http'
      const location = `${scheme}://${address}:${request.socket.localPort}${request.url ?? ''}`
      return sendText(response, 302, 'The VM runs on another host.', { location, connection: 'close' })
    }
    response.detachSocket(socket as Socket)
    socket.write('HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nCache-Control: no-cache, no-store\r\n\r\n')
    if (head.length > 0) socket.unshift(head)
    const text = `${name_label}\n\nSimulated by Nixen. What is typed is shown.\n\n# `
    await (protocol === 'vt100' ? serveVt100(socket, { text }) : serveRfb(socket, { name: name_label, text }))
  } catch (error) {
    if (!isXapiError(error)) throw error
    sendText(response, 404, [error.code, ...error.params].join(' '), { connection: 'close' })
  } finally {
    identity.end()
  }
}

/** The machine and the protocol that a request names by a console's or a machine's reference or UUID. */
function consoleOf({ db }: Pool, query: URLSearchParams): { vm: Ref<'VM'>; protocol: Enums['console_protocol'] } {
  const name = query.get('ref') ?? query.get('uuid')
  // Any text may come here; `find` says whether it is the reference of a console.
  const ref = db.find('console', (name ?? '') as Ref<'console'>)
    ? (name as Ref<'console'>)
    : db.findUuid('console', name ?? '')
  if (ref !== undefined) {
    const { VM, protocol } = db.get('console', ref)
    return { vm: VM, protocol }
  }
  const vm = namedObject(db, 'VM', name)
  const [first] = db.get('VM', vm).consoles
  return { vm, protocol: first === undefined ? 'rfb' : db.get('console', first).protocol }
}
