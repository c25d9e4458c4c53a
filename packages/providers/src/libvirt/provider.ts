import { connectionErrors } from '@nixen/api'
import { parseUri, type LibvirtOptions } from '@nixen/libvirt'
import { probeCertificate } from '../probe.ts'
import type { ConnectionSpec, Provider } from '../provider.ts'
import { libvirtError } from './errors.ts'
import { Link } from './link.ts'
import { readHost } from './read/host.ts'
import { unpackSecrets } from './secrets.ts'
import { LibvirtSession } from './session.ts'

/** Hosts that libvirt runs: QEMU/KVM, and Xen through its libxl driver. */
export const libvirtProvider: Provider = {
  kind: 'libvirt',

  async open(spec, ports, { signal, known } = {}) {
    try {
      const link = await Link.open({ ...optionsOf(spec), clock: ports.clock }, signal)
      try {
        const host = await readHost(link.main)
        if (spec.poolKey !== undefined && spec.poolKey !== host.key) {
          throw connectionErrors.other_pool({ address: spec.address, expected: spec.poolKey, found: host.key })
        }
        return new LibvirtSession(link, spec, { ports, known, host })
      } catch (error) {
        await link[Symbol.asyncDispose]()
        throw error
      }
    } catch (error) {
      signal?.throwIfAborted()
      throw libvirtError(error, spec)
    }
  },

  async probe(address, { clock }, { signal } = {}) {
    const { transport, host = '', port = 16_514 } = parsed(address)
    if (transport !== 'tls') return { secure: false }
    return await probeCertificate({ address, host, port }, { clock, signal })
  },
}

function parsed(address: string) {
  try {
    return parseUri(address)
  } catch (cause) {
    throw connectionErrors.unreachable({ address, reason: 'it is no URI of libvirt' }, { cause })
  }
}

/** How the client gets there. The password is for SASL; for ssh the user's own keys and agent are. */
export function optionsOf({ address, username, password, fingerprint }: ConnectionSpec): LibvirtOptions {
  const secrets = unpackSecrets(password)
  const { certificate, key } = secrets
  return {
    uri: address,
    ...(username === '' ? {} : { credentials: { username, password: secrets.password } }),
    tls: { fingerprint, certificate, key },
  }
}
