import { connectionErrors } from '@nixen/api'
import { Xapi, type TlsTrust } from '@nixen/xapi'
import type { ConnectionSpec, OpenOptions, Provider, ProviderPorts } from '../provider.ts'
import { needsSomebody } from '../needs-somebody.ts'
import { connectionError } from './errors.ts'
import { XapiSession } from './session.ts'
import { urlOf } from './url-of.ts'

/** Opens a session at the named address, or at the first member that answers. */
export const openPool: Provider['open'] = async (spec, ports, { signal, known } = {}) => {
  const [first, ...others] = addressesOf(spec)
  if (first === undefined) throw connectionErrors.unreachable({ address: spec.address, reason: 'no address' })
  let failure: unknown
  for (const url of [first, ...others]) {
    try {
      return await openAt(url, spec, { ports, signal, known })
    } catch (error) {
      signal?.throwIfAborted()
      const known = connectionError(error, spec)
      // What the named address says counts, unless another member says something that needs somebody.
      if (needsSomebody(known)) throw known
      failure ??= known
    }
  }
  throw failure
}

/** The named address, then the members that were seen before. */
function addressesOf({ address, members = [] }: ConnectionSpec): string[] {
  const { protocol, hostname, port } = urlOf(address)
  const others = members
    .filter(({ host }) => host !== '' && host !== hostname.replace(/^\[|\]$/g, ''))
    .map(({ host }) => `${protocol}//${host.includes(':') ? `[${host}]` : host}${port && `:${port}`}`)
  return [address, ...others]
}

async function openAt(
  url: string,
  spec: ConnectionSpec,
  { ports, signal, known }: OpenOptions & { readonly ports: ProviderPorts },
): Promise<XapiSession> {
  const { clock, random, log } = ports
  const xapi = await Xapi.connect({
    url,
    username: spec.username,
    password: spec.password,
    originator: 'nixen',
    tls: trustOf(spec),
    // Short, so that a host that is back is seen within seconds; what is slow but alive has the call's own time.
    timeouts: { connect: 5000, failover: 2000 },
    clock,
    random,
    log,
    ...(signal ? { signal } : {}),
  })
  if (spec.poolKey === undefined || spec.poolKey === xapi.pool.uuid)
    return new XapiSession(xapi, spec, { ports, known })
  const found = xapi.pool.uuid
  await xapi[Symbol.asyncDispose]()
  throw connectionErrors.other_pool({ address: spec.address, expected: spec.poolKey, found })
}

function trustOf({ fingerprint, members = [] }: ConnectionSpec): TlsTrust {
  if (fingerprint === undefined) return { kind: 'ca' }
  const others = members.map((member) => member.fingerprint).filter((text) => text !== undefined)
  return { kind: 'pin', fingerprint: [fingerprint, ...others] }
}
