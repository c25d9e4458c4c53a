import {
  connectionErrors,
  connectionOfId,
  demandPermission,
  may,
  type Connection,
  type Pool,
  type ResourceId,
  type ResourceType,
  type VmId,
} from '@nixen/api'
import type { ProviderInspect } from '@nixen/providers'
import type { Principal } from '../../auth/principal.ts'
import type { Connections } from '../../connections/connections.ts'
import type { GroupHandlers } from '../../http/handler.ts'
import type { Inventory } from '../../inventory/inventory.ts'
import { demandVisible } from '../../inventory/visible.ts'

export interface InspectPorts {
  readonly connections: Connections
  readonly inventory: Inventory
}

/** Questions that the hosts answer when they are asked. */
export function inspectHandlers({ connections, inventory }: InspectPorts): {
  readonly vm: Pick<GroupHandlers<'vm'>, 'placement' | 'deletion'>
  readonly host: Pick<GroupHandlers<'host'>, 'patches' | 'devices'>
  readonly connection: Pick<GroupHandlers<'connection'>, 'call'>
} {
  const inspect = (id: ResourceId): ProviderInspect => connections.session(connectionOfId(id)).inspect
  return {
    vm: {
      async placement({ params: { id }, who }) {
        demandVisible(inventory, { type: 'vm', id, who })
        const items = await inspect(id).placement(id)
        // Hosts that somebody may not see are not told of.
        return { items: items.filter(({ host }) => isVisible(inventory, { type: 'host', id: host, who })) }
      },
      async deletion({ params: { id }, who }) {
        demandVisible(inventory, { type: 'vm', id, who })
        return await inspect(id).deletion(id)
      },
    },
    host: {
      async patches({ params: { id }, who }) {
        demandVisible(inventory, { type: 'host', id, who })
        return { items: [...(await inspect(id).patches(id))] }
      },
      async devices({ params: { id }, who }) {
        demandVisible(inventory, { type: 'host', id, who })
        const items = await inspect(id).devices(id)
        const seen = (vm: VmId): boolean => isVisible(inventory, { type: 'vm', id: vm, who })
        return { items: items.map((device) => Object.assign(device, { vms: device.vms.filter(seen) })) }
      },
    },
    connection: {
      async call({ params: { id }, input, who, info }) {
        const connection = inventory.get('connection', id)
        if (!connection) throw connectionErrors.not_found({ id })
        info.note({ on: id, onName: connection.name })
        demandPermission(who.access, input.write ? 'pool:manage' : 'pool:update', poolOf(inventory, connection))
        if (input.write && connection.readOnly) throw connectionErrors.read_only({ name: connection.name })
        // Messages without a result answer with nothing.
        return { result: (await connections.session(id).inspect.call(input)) ?? null }
      },
    },
  }
}

interface Seen {
  readonly type: ResourceType
  readonly id: ResourceId
  readonly who: Principal
}

function isVisible(inventory: Inventory, { type, id, who }: Seen): boolean {
  const object = inventory.get(type, id)
  return object !== undefined && may(who.access, `${type}:read`, object)
}

/** What the permission is asked on. @throws connection.not_connected while no pool is known */
function poolOf(inventory: Inventory, { id, name, state }: Connection): Pool {
  for (const pool of inventory.all('pool')) if (pool.connection === id) return pool
  throw connectionErrors.not_connected({ id, name, state })
}
