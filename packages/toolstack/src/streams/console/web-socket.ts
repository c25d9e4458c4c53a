import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocketServer, type WebSocket } from 'ws'

/** The subprotocol of a host's consoles. */
const subprotocol = 'binary'

/** What a client types fits by far. */
const longestMessage = 1024 * 1024

const server = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: longestMessage,
  handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
})
/** Whether a request asks for a console as a WebSocket; any other request to upgrade is answered as if it did not. */
export function asksForConsole({ method, url = '', headers }: IncomingMessage): boolean {
  return method === 'GET' && url.startsWith('/console') && headers.upgrade?.toLowerCase() === 'websocket'
}

/** Answers the handshake of a WebSocket. `undefined` when it was refused with status 400. */
export function acceptWebSocket({
  request,
  socket,
  head,
}: {
  request: IncomingMessage
  socket: Duplex
  head: Buffer
}): Duplex | undefined {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  if (offered[0] !== '' && !offered.includes(subprotocol)) {
    const text = `The subprotocol must be ${subprotocol}.\n`
    socket.end(`HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: ${text.length}\r\n\r\n${text}`)
    return undefined
  }
  let accepted: WebSocket | undefined
  // Without a check of its own the server answers before it returns.
  server.handleUpgrade(request, socket, head, (webSocket) => (accepted = webSocket))
  return accepted && createWebSocketStream(accepted)
}
