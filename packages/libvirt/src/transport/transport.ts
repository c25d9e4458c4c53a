import type { Duplex } from 'node:stream'
import type { LibvirtUri } from './uri.ts'
import { openSsh, type SshOptions } from './ssh.ts'
import { openTcp, openUnix } from './sockets.ts'
import { openTls, type TlsOptions } from './tls.ts'

export interface TransportOptions {
  readonly tls?: TlsOptions | undefined
  readonly ssh?: SshOptions | undefined
  readonly signal?: AbortSignal | undefined
}

/** A way to the daemon that is open. */
export interface Transport {
  readonly duplex: Duplex
  /** Nobody between can read it: a password may be sent. */
  readonly isPrivate: boolean
  /**
   * Each message has to be a write of its own. A daemon reads one message from a TLS record and then waits for its socket: what came in the same
   * record is not seen before something else comes.
   */
  readonly oneByOne?: boolean
}

/** Opens the way that a URI names. @throws libvirt.unreachable, tls_failed, certificate_untrusted; the signal's reason */
export async function openTransport(uri: LibvirtUri, options: TransportOptions = {}): Promise<Transport> {
  switch (uri.transport) {
    case 'unix':
      return { duplex: await openUnix(uri, options.signal), isPrivate: true }
    case 'tcp':
      return { duplex: await openTcp(uri, options.signal), isPrivate: false }
    case 'tls':
      return { duplex: await openTls(uri, options.tls ?? {}, options.signal), isPrivate: true, oneByOne: true }
    case 'ssh':
      return { duplex: await openSsh(uri, options.ssh ?? {}, options.signal), isPrivate: true }
  }
}
