import { connectionOfId, demandPermission } from '@nixen/api'
import type { Connections } from '../../connections/connections.ts'
import type { GroupHandlers } from '../../http/handler.ts'
import type { Inventory } from '../../inventory/inventory.ts'
import { demandVisible } from '../../inventory/visible.ts'

export interface StoragePorts {
  readonly connections: Connections
  readonly inventory: Inventory
}

/** Looking for storages. */
export function storageHandlers({ connections, inventory }: StoragePorts): Pick<GroupHandlers<'storage'>, 'probe'> {
  return {
    async probe({ input: { host, place }, who, info }) {
      const { name } = demandVisible(inventory, { type: 'host', id: host, who })
      demandPermission(who.access, 'storage:create')
      info.note({ on: host, onName: name })
      return await connections.session(connectionOfId(host)).probeStorage({ host, place })
    },
  }
}
