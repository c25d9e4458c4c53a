import {
  connectionErrors,
  connectionOfId,
  demandPermission,
  formatId,
  replicaErrors,
  type Permission,
  type Replica as ShownReplica,
  type VmId,
} from '@nixen/api'
import { isAppError, messageOf, type Log } from '@nixen/core'
import type { Replica, ReplicaActions } from '@nixen/providers'
import type { Principal } from '../../auth/principal.ts'
import type { GroupHandlers } from '../../http/handler.ts'
import type { Inventory } from '../../inventory/inventory.ts'
import { demandVisible } from '../../inventory/visible.ts'
import { failBack } from '../../replicate/fail-back.ts'
import { replicasOf, type ReplicatePorts } from '../../replicate/replicate-vm.ts'
import type { Tasks } from '../../tasks/tasks.ts'

export interface ReplicaHandlerPorts extends ReplicatePorts {
  readonly inventory: Inventory
  readonly tasks: Tasks
  readonly log: Log
}

interface Found {
  readonly replica: Replica
  readonly replicas: ReplicaActions
}

/** Replicas: looked at, started, brought back. */
export function replicaHandlers(ports: ReplicaHandlerPorts): GroupHandlers<'replica'> {
  const { inventory, connections, tasks } = ports
  const demand = async (
    id: VmId,
    { who, permission, signal }: { who: Principal; permission: Permission; signal: AbortSignal },
  ): Promise<Found> => {
    const connection = inventory.get('connection', connectionOfId(id))
    if (!connection) throw replicaErrors.not_found({ id })
    demandPermission(who.access, permission, demandVisible(inventory, { type: 'vm', id, who }))
    if (connection.readOnly) throw connectionErrors.read_only({ name: connection.name })
    const replicas = replicasOf(connections.session(connection.id))
    const replica = (await replicas.list({ signal })).find(({ vm }) => vm === id)
    if (!replica) throw replicaErrors.not_found({ id })
    return { replica, replicas }
  }
  return {
    async list({ who, info: { signal } }) {
      const reach = who.access.reach('vm:read')
      const found: ShownReplica[] = []
      for (const replica of await allReplicas(ports, signal)) {
        const vm = inventory.get('vm', replica.vm)
        if (vm && (reach === 'all' || (reach !== 'none' && reach(vm)))) found.push(show(replica))
      }
      return { items: found }
    },
    async start({ params: { id }, input: { point, force }, who, info }) {
      const { replica, replicas } = await demand(id, { who, permission: 'vm:start', signal: info.signal })
      info.note({ on: id, onName: replica.name })
      const source = inventory.get('vm', sourceOf(replica))
      if (!force && source && source.power !== 'halted')
        throw replicaErrors.source_runs({ name: replica.name, source: source.name })
      const request = { name: `Start ${replica.name}`, action: 'replica.start', on: [id], by: who.user.id }
      const { id: task } = await tasks.run(request, async (run) => {
        await replicas.start(id, { point, signal: run.signal })
      })
      info.setStatus(202)
      return { task }
    },
    async failback({ params: { id }, input: wish, who, info }) {
      const { replica, replicas } = await demand(id, { who, permission: 'vm:configure', signal: info.signal })
      info.note({ on: id, onName: replica.name })
      const to = replica.mark.source.connection
      const home = inventory.get('connection', to)
      if (!home) throw connectionErrors.not_found({ id: to })
      if (home.readOnly) throw connectionErrors.read_only({ name: home.name })
      const source = inventory.get('vm', sourceOf(replica))
      demandPermission(who.access, source ? 'vm:configure' : 'vm:create', source)
      const on = source ? [id, source.id] : [id]
      const request = { name: `Bring ${replica.name} back`, action: 'replica.failback', on, by: who.user.id }
      const { id: task } = await tasks.run(request, async (run) => {
        const made = await failBack(ports, { replica, replicas, source: source?.id, wish }, run)
        return { made: [made] }
      })
      info.setStatus(202)
      return { task }
    },
    async resume({ params: { id }, who, info }) {
      const { replica, replicas } = await demand(id, { who, permission: 'vm:configure', signal: info.signal })
      info.note({ on: id, onName: replica.name })
      await replicas.resume(id, { signal: info.signal })
    },
    async promote({ params: { id }, who, info }) {
      const { replica, replicas } = await demand(id, { who, permission: 'vm:configure', signal: info.signal })
      info.note({ on: id, onName: replica.name })
      await replicas.promote(id, { signal: info.signal })
    },
  }
}

/** Those of all connections that can be asked; one that cannot costs the others nothing. */
async function allReplicas(
  { inventory, connections, log }: ReplicaHandlerPorts,
  signal: AbortSignal,
): Promise<Replica[]> {
  const found: Replica[] = []
  for (const { id, state, name } of inventory.all('connection')) {
    if (state !== 'connected') continue
    try {
      found.push(...((await connections.session(id).replicas?.list({ signal })) ?? []))
    } catch (error) {
      signal.throwIfAborted()
      if (!isAppError(error)) throw error
      log.warn('replicas could not be listed', { connection: name, reason: messageOf(error) })
    }
  }
  return found
}

function sourceOf({ mark: { source } }: Replica): VmId {
  return formatId({ type: 'vm', connection: source.connection, key: source.vm })
}

function show(replica: Replica): ShownReplica {
  const { vm, name, mark, points, diverged } = replica
  return {
    id: vm,
    name,
    source: sourceOf(replica),
    sourceName: mark.source.name,
    job: mark.job,
    state: diverged === undefined ? 'ready' : 'diverged',
    ...(diverged === undefined ? {} : { reason: diverged }),
    time: mark.time,
    points: [...points],
  }
}
