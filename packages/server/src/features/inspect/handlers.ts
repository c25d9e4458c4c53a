import {
  connectionErrors,
  connectionOfId,
  demand,
  demandPermission,
  may,
  type Connection,
  type Pool,
  type ResourceId,
  type ResourceType,
  type VmId,
  vmCan,
} from '@nixen/api'
import type { ProviderInspect } from '@nixen/providers'
import type { Principal } from '../../auth/principal.ts'
import type { Connections } from '../../connections/connections.ts'
import { StreamAnswer, type GroupHandlers } from '../../http/handler.ts'
import type { Inventory } from '../../inventory/inventory.ts'
import { demandVisible } from '../../inventory/visible.ts'

export interface InspectPorts {
  readonly connections: Connections
  readonly inventory: Inventory
}

/** Questions that the hosts answer when they are asked. */
export function inspectHandlers({ connections, inventory }: InspectPorts): {
  readonly vm: Pick<GroupHandlers<'vm'>, 'placement' | 'deletion' | 'screenshot'>
  readonly host: Pick<GroupHandlers<'host'>, 'patches' | 'devices'>
  readonly connection: Pick<GroupHandlers<'connection'>, 'call'>
} {
  const inspect = (id: ResourceId): ProviderInspect => connections.session(connectionOfId(id)).inspect
  return {
    vm: {
      async screenshot({ params: { id }, who, info }) {
        const vm = demandVisible(inventory, { type: 'vm', id, who })
        info.note({ on: id, onName: vm.name })
        demandPermission(who.access, 'vm:console', vm)
        demand(vmCan.console, vm)
        const { consoles } = connections.session(connectionOfId(id))
        const { type, bytes } = await consoles.screenshot(id, { signal: info.signal })
        const name = encodeURIComponent(`${vm.name}.${type === 'image/png' ? 'png' : 'jpg'}`)
        return new StreamAnswer(once(bytes), {
          type,
          compress: false,
          headers: {
            'content-length': String(bytes.length),
            'content-disposition': `inline; filename*=UTF-8''${name}`,
            'cache-control': 'no-store',
          },
        })
      },
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

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
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
