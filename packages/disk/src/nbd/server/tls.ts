import type { Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'

/** The certificate that a server shows, and whom it lets in. */
export interface NbdServerTls {
  /** PEM of the server's certificate (and those between it and the authority) and of its key. */
  readonly cert: string
  readonly key: string
  /** PEM of the authorities of client certificates. With it only clients that show such a certificate are let in. */
  readonly clientCa?: string | undefined
  /** Lets clients in that do not start TLS. */
  readonly optional?: boolean | undefined
}

/** Starts TLS as server on a connected socket; `undefined` when the client fails the handshake or shows no good certificate. */
export function upgradeServer(socket: Socket, tls: NbdServerTls): Promise<TLSSocket | undefined> {
  return new Promise((resolve) => {
    // A server that never listens: it is the public way to have client certificates verified on a socket that is connected already.
    const server = createServer({
      cert: tls.cert,
      key: tls.key,
      minVersion: 'TLSv1.2',
      ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }),
    })
    server.once('tlsClientError', () => {
      socket.destroy()
      resolve(undefined)
    })
    server.once('secureConnection', (secure) => resolve(secure))
    socket.once('close', () => resolve(undefined))
    server.emit('connection', socket)
  })
}
