import {
  connectionErrors,
  demandPermission,
  isConnectionId,
  verifyErrors,
  type CheckWish,
  type ConnectionId,
} from '@nixen/api'
import type { Principal } from '../../auth/principal.ts'
import { StreamAnswer, type GroupHandlers } from '../../http/handler.ts'
import type { Inventory } from '../../inventory/inventory.ts'
import { demandVisible } from '../../inventory/visible.ts'
import { checkPoint, storedVmOf, type CheckPorts } from '../../prove/check-point.ts'
import { showCheck } from '../../prove/check-record.ts'
import { failureOfCheck } from '../../prove/failure.ts'
import type { StoredVm } from '../../protect/stored-vm.ts'
import type { Catalogue } from '../../repositories/catalogue.ts'
import type { Tasks } from '../../tasks/tasks.ts'
import { visiblePoint } from '../../prove/visible-point.ts'

export interface VerifyHandlerPorts extends CheckPorts {
  readonly catalogue: Catalogue
  readonly inventory: Inventory
  readonly tasks: Tasks
}

/** Health checks by hand, and what came of all. */
export function verifyHandlers(
  ports: VerifyHandlerPorts,
): Pick<GroupHandlers<'point'>, 'verify' | 'checks' | 'picture'> {
  const { catalogue, checks, tasks, repositories } = ports
  return {
    async verify({ params: { id }, input: wish, who, info }) {
      const { point } = visiblePoint(catalogue, id, { who, permission: 'point:restore' })
      info.note({ on: id, onName: point.name })
      const stored = await storedVmOf(ports, point, info.signal)
      const connection = targetOf(ports, { wish, stored, who })
      const session = ports.connections.session(connection)
      if (!session.verify)
        throw verifyErrors.not_possible({ name: point.name, reason: `${session.product} has no health checks here.` })
      const request = { name: `Check ${point.name}`, action: 'point.verify', on: [], by: who.user.id, connection }
      const { id: task } = await tasks.run(request, async (run) => {
        const record = await checkPoint(ports, { point, stored, connection, wish, by: who.user.name }, run)
        for (const note of record.notes) run.log(note)
        if (record.state === 'failed') throw failureOfCheck(point, record)
      })
      info.setStatus(202)
      return { task }
    },
    async checks({ params: { id }, who }) {
      const { point } = visiblePoint(catalogue, id, { who })
      return await Promise.resolve({ items: checks.of(point).map((record) => showCheck(record, id)) })
    },
    async picture({ params: { id, check }, who, info }) {
      const { point, repository } = visiblePoint(catalogue, id, { who })
      const record = checks.of(point).find(({ name }) => name === check)
      if (!record) throw verifyErrors.not_found({ id: check })
      if (record.evidence === undefined) throw verifyErrors.no_picture({ id: check })
      const { bytes } = await repositories.run(
        'evidence',
        repository,
        { name: record.evidence },
        { signal: info.signal },
      )
      // PNG from us, JPEG from hosts.
      const type = bytes[0] === 0x89 ? 'image/png' : 'image/jpeg'
      const name = `${point.name}-check.${type === 'image/png' ? 'png' : 'jpg'}`
      const headers = {
        'content-length': String(bytes.length),
        'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
        'x-content-type-options': 'nosniff',
      }
      return new StreamAnswer(oneChunk(bytes), { type, compress: false, headers })
    },
  }
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield await Promise.resolve(bytes)
}

interface Target {
  readonly wish: CheckWish
  readonly stored: StoredVm
  readonly who: Principal
}

/** Who checks must be allowed to make VMs there. */
function targetOf({ inventory }: VerifyHandlerPorts, { wish, stored, who }: Target): ConnectionId {
  const id = wish.connection ?? stored.connection
  const found = isConnectionId(id) ? inventory.get('connection', id) : undefined
  if (!found) throw connectionErrors.not_found({ id })
  if (found.readOnly) throw connectionErrors.read_only({ name: found.name })
  demandPermission(who.access, 'vm:create')
  if (wish.storage !== undefined) demandVisible(inventory, { type: 'storage', id: wish.storage, who })
  return found.id
}
