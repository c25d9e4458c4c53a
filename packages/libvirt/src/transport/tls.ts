import { once } from 'node:events'
import { isIP } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { messageOf } from '@nixen/core'
import { libvirtErrors } from '../errors.ts'
import { connected } from './sockets.ts'
import type { LibvirtUri } from './uri.ts'

export interface TlsOptions {
  /** Authorities in PEM; those of the system when left out. */
  readonly ca?: string | undefined
  /** Our certificate and key in PEM: daemons ask for one unless they are told not to. */
  readonly certificate?: string | undefined
  readonly key?: string | undefined
  /** SHA-256 of the daemon's certificate (`AB:CD:…`): then no authority is asked. */
  readonly fingerprint?: string | undefined
}

const tlsPort = 16_514

/** libvirt's TLS: after the handshake the daemon sends one byte, 1, when it accepts our certificate. */
export async function openTls(
  uri: LibvirtUri,
  options: TlsOptions,
  signal: AbortSignal | undefined,
): Promise<TLSSocket> {
  // `parseUri` demands a host of this transport.
  const host = uri.host ?? ''
  const { ca, certificate, key, fingerprint } = options
  const socket = connect({
    host,
    port: uri.port ?? tlsPort,
    ...(isIP(host) ? {} : { servername: host }),
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
    // Decided below, where the fingerprint can be told.
    rejectUnauthorized: false,
  })
  // Errors before somebody listens must not end the program; each is seen by what waits.
  socket.on('error', () => undefined)
  await connected(socket, { address: uri.text, signal })
  try {
    await once(socket, 'secureConnect', signal ? { signal } : {})
    verify(socket, { address: uri.text, fingerprint })
    await accepted(socket, signal)
    return socket
  } catch (cause) {
    socket.destroy()
    signal?.throwIfAborted()
    if (cause instanceof Error && 'code' in cause && cause.code === 'libvirt.certificate_untrusted') throw cause
    throw libvirtErrors.tls_failed({ address: uri.text, reason: messageOf(cause) }, { cause })
  }
}

function verify(
  socket: TLSSocket,
  { address, fingerprint }: { address: string; fingerprint: string | undefined },
): void {
  const found = socket.getPeerCertificate().fingerprint256
  if (fingerprint === undefined ? socket.authorized : found === fingerprint.toUpperCase()) return
  const reason = fingerprint === undefined ? messageOf(socket.authorizationError) : `it should be ${fingerprint}`
  throw libvirtErrors.certificate_untrusted({ address, fingerprint: found, reason })
}

async function accepted(socket: TLSSocket, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    // `read` gives bytes, since no encoding is set.
    const byte = socket.read(1) as Buffer | null
    if (byte) {
      if (byte[0] === 1) return
      throw new Error('the daemon does not accept our certificate')
    }
    if (socket.readableEnded || socket.destroyed)
      throw new Error('the daemon hung up; it may want a client certificate')
    await Promise.race([
      once(socket, 'readable', signal ? { signal } : {}),
      once(socket, 'end').then(() => undefined),
      once(socket, 'close').then(() => undefined),
    ])
  }
}
