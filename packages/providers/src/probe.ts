import { once } from 'node:events'
import { isIP } from 'node:net'
import { connect, type PeerCertificate } from 'node:tls'
import { connectionErrors } from '@nixen/api'
import { messageOf, type Clock } from '@nixen/core'

/** What an endpoint shows of itself before anything is sent to it. */
export type CertificateProbe =
  | { readonly secure: false }
  | {
      readonly secure: true
      /** SHA-256 of the certificate, `AB:CD:…`. */
      readonly fingerprint: string
      readonly subject: string
      readonly issuer: string
      /** Epoch milliseconds. */
      readonly validFrom: number
      readonly validTo: number
      /** Signed by an authority that this machine knows, for this name or address, and in date: no pin is needed. */
      readonly trusted: boolean
    }

export interface ProbeTarget {
  /** As the user wrote it, for messages. */
  readonly address: string
  /** Name or address; IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

/** Milliseconds for TCP and TLS together. */
const limit = 10_000

/**
 * Shakes hands by TLS, reads the certificate and hangs up: no request, no credentials.
 *
 * @throws connection.unreachable, tls_failed, timeout; the signal's reason
 */
export async function probeCertificate(
  { address, host, port }: ProbeTarget,
  { clock, signal }: { clock: Clock; signal?: AbortSignal | undefined },
): Promise<CertificateProbe> {
  signal?.throwIfAborted()
  const end = new AbortController()
  const stop = signal ? AbortSignal.any([signal, end.signal]) : end.signal
  // Nothing is trusted here: the certificate is only looked at, and the connection is closed.
  const socket = connect({ host, port, rejectUnauthorized: false, ...(isIP(host) ? {} : { servername: host }) })
  socket.on('error', () => undefined)
  const timeout = connectionErrors.timeout({ address, seconds: limit / 1000, what: 'TLS' })
  void clock.sleep(limit, { signal: end.signal }).then(
    () => end.abort(timeout),
    () => undefined,
  )
  let connected = false
  socket.once('connect', () => (connected = true))
  try {
    await once(socket, 'secureConnect', { signal: stop })
    return described(socket.getPeerCertificate(), socket.authorized)
  } catch (cause) {
    if (stop.aborted) throw stop.reason
    const reason = messageOf(cause)
    throw connected
      ? connectionErrors.tls_failed({ address, reason }, { cause })
      : connectionErrors.unreachable({ address, reason }, { cause })
  } finally {
    socket.destroy()
    end.abort()
  }
}

function described(certificate: PeerCertificate, trusted: boolean): CertificateProbe {
  return {
    secure: true,
    fingerprint: certificate.fingerprint256,
    subject: nameText(certificate.subject),
    issuer: nameText(certificate.issuer),
    validFrom: Date.parse(certificate.valid_from),
    validTo: Date.parse(certificate.valid_to),
    trusted,
  }
}

function nameText(name: object | undefined): string {
  return Object.entries(name ?? {})
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(', ')
}
