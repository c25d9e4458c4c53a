import {
  connectionErrors,
  connectionOfId,
  demandPermission,
  exportErrors,
  isConnectionId,
  type ConnectionId,
  type InstantWish,
} from '@nixen/api'
import type { Principal } from '../../auth/principal.ts'
import { instantOf, moveFromExport, startFromPoint, type InstantPorts } from '../../exports/instant.ts'
import type { GroupHandlers } from '../../http/handler.ts'
import type { Inventory } from '../../inventory/inventory.ts'
import { demandVisible } from '../../inventory/visible.ts'
import { storedVmOf } from '../../prove/check-point.ts'
import { visiblePoint } from '../../prove/visible-point.ts'
import type { StoredVm } from '../../protect/stored-vm.ts'
import type { Catalogue } from '../../repositories/catalogue.ts'
import type { Repositories } from '../../repositories/repositories.ts'
import type { Tasks } from '../../tasks/tasks.ts'

export interface InstantHandlerPorts extends InstantPorts {
  readonly repositories: Repositories
  readonly catalogue: Catalogue
  readonly inventory: Inventory
  readonly tasks: Tasks
}

/** VMs that run from the repository. */
export function instantHandlers(ports: InstantHandlerPorts): {
  readonly start: GroupHandlers<'point'>['start']
  readonly move: GroupHandlers<'export'>['move']
} {
  const { catalogue, connections, exports, inventory, tasks } = ports
  return {
    async start({ params: { id }, input: wish, who, info }) {
      const { point } = visiblePoint(catalogue, id, { who, permission: 'point:restore' })
      info.note({ on: id, onName: point.name })
      const stored = await storedVmOf(ports, point, info.signal)
      const connection = targetOf(inventory, { wish, stored, who })
      // Told at once where it can never be.
      instantOf(connections.session(connection), point.name)
      const request = { name: `Start ${point.name} from its repository`, action: 'point.start', on: [] }
      const { id: task } = await tasks.run({ ...request, by: who.user.id, connection }, async (run) => {
        const made = await startFromPoint(ports, { point, stored, connection, wish, by: who.user.name }, run)
        return { made: [made] }
      })
      info.setStatus(202)
      return { task }
    },
    async move({ params: { id }, input: { storage }, who, info }) {
      const given = await exports.get(id)
      const { runs } = given
      if (runs === undefined) throw exportErrors.no_vm({ id })
      const connection = connectionOfId(runs)
      demandPermission(who.access, 'vm:configure', demandVisible(inventory, { type: 'vm', id: runs, who }))
      demandVisible(inventory, { type: 'storage', id: storage, who })
      info.note({ on: runs, onName: given.vm })
      instantOf(connections.session(connection), given.vm)
      const request = { name: `Move ${given.vm} to a storage`, action: 'export.move', on: [runs], by: who.user.id }
      const { id: task } = await tasks.run(request, async (run) => {
        await moveFromExport(ports, { given: { ...given, runs }, storage }, run)
      })
      info.setStatus(202)
      return { task }
    },
  }
}

interface Target {
  readonly wish: InstantWish
  readonly stored: StoredVm
  readonly who: Principal
}

/** Who starts it must be allowed to make VMs there. */
function targetOf(inventory: Inventory, { wish, stored, who }: Target): ConnectionId {
  const id = wish.connection ?? stored.connection
  const found = isConnectionId(id) ? inventory.get('connection', id) : undefined
  if (!found) throw connectionErrors.not_found({ id })
  if (found.readOnly) throw connectionErrors.read_only({ name: found.name })
  demandPermission(who.access, 'vm:create')
  for (const network of Object.values(wish.networkOf ?? {}))
    if (network !== null) demandVisible(inventory, { type: 'network', id: network, who })
  return found.id
}
