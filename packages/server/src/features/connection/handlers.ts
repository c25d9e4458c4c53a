import {
  connectionErrors,
  demandPermission,
  listObjects,
  may,
  requestErrors,
  type Connection,
  type ConnectionId,
  type ConnectionProbe,
  type ConnectionTarget,
} from '@nixen/api'
import { isAppError, type Clock } from '@nixen/core'
import { nearbyDaemons, packSecrets, type ProviderPorts } from '@nixen/providers'
import type { Principal } from '../../auth/principal.ts'
import type { Connections, NewConnection } from '../../connections/connections.ts'
import type { GroupHandlers } from '../../http/handler.ts'
import type { Inventory } from '../../inventory/inventory.ts'

export interface ConnectionPorts {
  readonly connections: Connections
  readonly inventory: Inventory
  readonly clock: Clock
  readonly providerPorts: ProviderPorts
}

/** Connections to hypervisors. */
export function connectionHandlers(ports: ConnectionPorts): Omit<GroupHandlers<'connection'>, 'call'> {
  const { connections, inventory, clock } = ports
  const demand = (id: ConnectionId, who: Principal, permission: 'read' | 'update' | 'remove'): Connection => {
    const found = inventory.get('connection', id)
    const scoped = who.access.reach('connection:read') !== 'none'
    // What one may not see is not there.
    if (!found || (scoped && !may(who.access, 'connection:read', found))) throw connectionErrors.not_found({ id })
    demandPermission(who.access, `connection:${permission}`, found)
    return found
  }
  return {
    async list({ input, who }) {
      const reach = who.access.reach('connection:read')
      const visible = typeof reach === 'function' ? { visible: reach } : {}
      const context = { now: clock.now(), nameOf: (id: string) => inventory.nameOf(id), ...visible }
      return listObjects('connection', inventory.all('connection'), { ...input, ...context })
    },
    async nearby() {
      const known = new Set([...inventory.all('connection')].map(({ address }) => address))
      const found = await nearbyDaemons()
      const items = found.map(({ address, socket, usable }) => {
        return { kind: 'libvirt' as const, address, socket, usable, connected: known.has(address) }
      })
      return { items }
    },
    get: async ({ params: { id }, who }) => demand(id, who, 'read'),
    async add({ input, info }) {
      const connection = await connections.add(newConnection(input), info)
      info.note({ on: connection.id, onName: connection.name })
      return connection
    },
    test: async ({ input, info: { signal } }) => await probe(ports, input, signal),
    async update({ params: { id }, input, who, info }) {
      const { name } = demand(id, who, 'update')
      info.note({ onName: name })
      const { fingerprint, key, certificate, token, ...more } = input
      if (key !== undefined || certificate !== undefined || token !== undefined) {
        throw requestErrors.invalid({
          problems: [{ path: 'input', message: 'This kind of connection takes a password only.' }],
        })
      }
      // `null` takes the pin away.
      const pin = fingerprint === undefined ? {} : { fingerprint: fingerprint ?? undefined }
      return await connections.update(id, { ...defined(more), ...pin }, info)
    },
    async reconnect({ params: { id }, who, info }) {
      info.note({ onName: demand(id, who, 'update').name })
      return connections.reconnect(id)
    },
    async remove({ params: { id }, who, info }) {
      info.note({ onName: demand(id, who, 'remove').name })
      await connections.remove(id)
      return undefined
    },
  }
}

function newConnection(target: ConnectionTarget): NewConnection {
  const { kind, address, name, enabled, readOnly, fingerprint, username = '' } = target
  const password = secretOf(target)
  if (password === undefined) {
    throw requestErrors.invalid({ problems: [{ path: 'input.password', message: 'It is missing.' }] })
  }
  return { kind, address, name: name ?? '', enabled, readOnly, fingerprint, username, password }
}

/** What lets us in. A libvirt daemon may want nothing: its socket, or ssh, says who we are. */
function secretOf(target: ConnectionTarget): string | undefined {
  if (target.kind !== 'libvirt') return target.password
  const { address, password = '', key, certificate } = target
  if (key !== undefined && address.includes('+ssh:')) {
    const message =
      'ssh takes its keys from its own configuration, or from a file: qemu+ssh://HOST/system?keyfile=/PATH.'
    throw requestErrors.invalid({ problems: [{ path: 'input.key', message }] })
  }
  return packSecrets({ password, key, certificate })
}

/** Looks at the certificate first, before any credentials go out; then, with credentials and a certificate that is trusted, logs in. */
async function probe(
  { connections, providerPorts }: ConnectionPorts,
  target: ConnectionTarget,
  signal: AbortSignal,
): Promise<ConnectionProbe> {
  const provider = connections.provider(target.kind)
  const found = await provider.probe(target.address, providerPorts, { signal })
  const pinned = found.secure && found.fingerprint === target.fingerprint
  const certificate = found.secure
    ? {
        certificate: {
          fingerprint: found.fingerprint,
          subject: found.subject,
          issuer: found.issuer,
          validFrom: found.validFrom,
          validTo: found.validTo,
          trusted: found.trusted,
          pinned,
        },
      }
    : {}
  if (secretOf(target) === undefined) return { reachable: true, ...certificate }
  try {
    // An id for the length of the log-in; nothing is kept under it.
    const spec = { ...newConnection(target), id: 'probe' as ConnectionId }
    await using session = await provider.open(spec, providerPorts, { signal })
    return { reachable: true, ...certificate, loggedIn: true, product: session.product }
  } catch (error) {
    if (!isAppError(error)) throw error
    const { code, message, details } = error
    return { reachable: true, ...certificate, loggedIn: false, error: { code, message, details: { ...details } } }
  }
}

function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  // What is undefined was taken out.
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
