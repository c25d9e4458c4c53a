import { libvirtErrors } from '../errors.ts'

/** How a daemon is reached. */
export type TransportKind = 'unix' | 'tcp' | 'tls' | 'ssh'

/** A connection URI of libvirt, taken apart (https://libvirt.org/uri.html). */
export interface LibvirtUri {
  /** As it was written. */
  readonly text: string
  /** `qemu`, `xen`, `test`, … */
  readonly driver: string
  readonly transport: TransportKind
  readonly host: string | undefined
  readonly port: number | undefined
  readonly username: string | undefined
  /** `/system`, `/session`, `/default`. */
  readonly path: string
  /** `socket`, `no_verify`, `pkipath`, `keyfile`, `name`, `proxy`, … */
  readonly parameters: ReadonlyMap<string, string>
  /** What the daemon is asked to open. */
  readonly name: string
}

const shape = /^([a-z][a-z0-9]*)(?:\+([a-z0-9]+))?:\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/i
const kinds: ReadonlySet<string> = new Set(['unix', 'tcp', 'tls', 'ssh'] satisfies TransportKind[])
/** Parameters that are about the way there and mean nothing to the daemon. */
const ours: ReadonlySet<string> = new Set([
  'name',
  'socket',
  'no_verify',
  'no_tty',
  'pkipath',
  'keyfile',
  'known_hosts',
  'known_hosts_verify',
  'command',
  'netcat',
  'proxy',
  'auth',
  'mode',
  'sshauth',
  'tls_priority',
])

/** @throws libvirt.bad_uri */
export function parseUri(text: string): LibvirtUri {
  const [, driver, given, authority = '', path = '', query = ''] = shape.exec(text) ?? []
  if (driver === undefined)
    throw libvirtErrors.bad_uri({ uri: text, reason: 'it is not DRIVER[+TRANSPORT]://[HOST]/PATH' })
  const { username, host, port } = parseAuthority(authority, text)
  // As libvirt has it: a host without a transport means TLS.
  const transport = given ?? (host === undefined ? 'unix' : 'tls')
  if (!isKind(transport)) {
    throw libvirtErrors.bad_uri({ uri: text, reason: `the transport ${transport} is none of ${[...kinds].join(', ')}` })
  }
  if (transport !== 'unix' && host === undefined) {
    throw libvirtErrors.bad_uri({ uri: text, reason: `${transport} needs a host` })
  }
  const parameters = new Map(new URLSearchParams(query))
  return { text, driver, transport, host, port, username, path, parameters, name: nameOf(driver, path, parameters) }
}

function nameOf(driver: string, path: string, parameters: ReadonlyMap<string, string>): string {
  const given = parameters.get('name')
  if (given !== undefined) return given
  const rest = [...parameters].filter(([key]) => !ours.has(key))
  const query = new URLSearchParams(rest).toString()
  return `${driver}://${path}${query === '' ? '' : `?${query}`}`
}

function parseAuthority(text: string, uri: string): Pick<LibvirtUri, 'username' | 'host' | 'port'> {
  const [, username, bracketed, plain, port] =
    /^(?:([^@]*)@)?(?:\[([^\]]+)\]|([^:@[\]]*))(?::(\d{1,5}))?$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || Number(port ?? 1) > 65_535) {
    throw libvirtErrors.bad_uri({ uri, reason: `"${text}" is not [USER@]HOST[:PORT]` })
  }
  return {
    username: username === undefined || username === '' ? undefined : decodeURIComponent(username),
    host: host === '' ? undefined : host,
    port: port === undefined ? undefined : Number(port),
  }
}

function isKind(text: string): text is TransportKind {
  return kinds.has(text)
}
