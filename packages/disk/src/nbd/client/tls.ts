import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto'
import { isIP, type Socket } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { messageOf } from '@nixen/core'
import { nbdErrors } from '../errors.ts'

/** Whom an NBD client trusts, and what it shows. Never falls back to a connection without TLS. */
export interface NbdClientTls {
  /** PEM of the authorities to trust; Node's own list when left out. */
  readonly ca?: string | readonly string[] | undefined
  /**
   * The server's own certificate, as PEM or as the hexadecimal SHA-256 of its DER form. With it nothing else about the certificate is checked:
   * that is how hosts with self-signed certificates are reached.
   */
  readonly pin?: string | undefined
  /** Name or IP address that the certificate must carry; the host when left out. On a unix socket without it `localhost`. */
  readonly serverName?: string | undefined
  /** PEM of the client's own certificate and key, for servers that ask for one. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** Starts TLS as client on a socket whose server agreed to STARTTLS. */
export function upgradeClient(
  socket: Socket,
  tls: NbdClientTls,
  { host, where }: { host: string | undefined; where: string },
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      secure.destroy()
      reject(nbdErrors.tls_failed({ where, problem: messageOf(error) }, { cause: error }))
    }
    const onClose = (): void => fail(new Error('the connection was closed'))
    const secure = connect({ ...connectOptions(tls, tls.serverName ?? host), socket })
    secure.once('error', fail)
    secure.once('close', onClose)
    secure.once('secureConnect', () => {
      secure.off('close', onClose)
      if (tls.pin !== undefined && !matchesPin(secure, tls.pin)) {
        return fail(new Error('the certificate is not the one that was pinned'))
      }
      secure.off('error', fail)
      resolve(secure)
    })
  })
}

function connectOptions(tls: NbdClientTls, name: string | undefined): ConnectionOptions {
  return {
    ...(tls.ca === undefined ? {} : { ca: typeof tls.ca === 'string' ? tls.ca : [...tls.ca] }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    // An address is compared with the certificate too, but is no name to ask for (RFC 6066, 3).
    ...(name === undefined ? {} : isIP(name) === 0 ? { servername: name } : { host: name }),
    // With a pin the comparison in `matchesPin` stands in for the chain.
    rejectUnauthorized: tls.pin === undefined,
    minVersion: 'TLSv1.2',
  }
}

function matchesPin(socket: TLSSocket, pin: string): boolean {
  const peer = socket.getPeerX509Certificate()
  if (!peer) return false
  const actual = createHash('sha256').update(peer.raw).digest()
  const expected = pin.includes('BEGIN CERTIFICATE')
    ? createHash('sha256').update(new X509Certificate(pin).raw).digest()
    : Buffer.from(pin.replaceAll(':', ''), 'hex')
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}
