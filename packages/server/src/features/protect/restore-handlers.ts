import {
  connectionErrors,
  connectionOfId,
  demandPermission,
  isConnectionId,
  parsePointId,
  pointErrors,
  requestErrors,
  type ConnectionId,
  type Point,
  type PointId,
  type RepositoryId,
  type RestorePreview,
  type RestoreWish,
} from '@nixen/api'
import { isAppError } from '@nixen/core'
import type { RestorePlan, RestoreRequest } from '@nixen/providers'
import type { Principal } from '../../auth/principal.ts'
import type { Connections } from '../../connections/connections.ts'
import type { GroupHandlers } from '../../http/handler.ts'
import type { Inventory } from '../../inventory/inventory.ts'
import { demandVisible } from '../../inventory/visible.ts'
import { readStoredVm, type StoredVm } from '../../protect/stored-vm.ts'
import { toTask } from '../../repositories/to-task.ts'
import type { Repositories } from '../../repositories/repositories.ts'
import type { Catalogue } from '../../repositories/catalogue.ts'
import type { Tasks } from '../../tasks/tasks.ts'

export interface RestorePorts {
  readonly repositories: Repositories
  readonly catalogue: Catalogue
  readonly connections: Connections
  readonly inventory: Inventory
  readonly tasks: Tasks
}

interface Wanted {
  readonly id: PointId
  readonly wish: RestoreWish
  readonly who: Principal
  readonly signal: AbortSignal
}

interface Planned {
  readonly point: Point
  readonly repository: RepositoryId
  readonly snapshot: string
  readonly connection: ConnectionId
  readonly plan: RestorePlan
}

/** Getting VMs back. */
export function restoreHandlers(ports: RestorePorts): Pick<GroupHandlers<'point'>, 'restorePlan' | 'restore'> {
  const { connections, repositories, tasks } = ports
  return {
    async restorePlan({ params: { id }, input: wish, who, info: { signal } }) {
      const { plan } = await makePlan(ports, { id, wish, who, signal })
      return previewOf(plan)
    },
    async restore({ params: { id }, input: wish, who, info }) {
      const { plan, point, repository, snapshot, connection } = await makePlan(ports, {
        id,
        wish,
        who,
        signal: info.signal,
      })
      info.note({ on: id, onName: point.name })
      if (plan.problems.length > 0) {
        const problems = plan.problems.map((message) => ({ path: 'input', message }))
        throw requestErrors.invalid({ problems })
      }
      const request = {
        name: `Restore ${plan.name}`,
        action: 'point.restore',
        on: wish.vm === undefined ? [] : [wish.vm],
        by: who.user.id,
        connection,
      }
      const { id: task } = await tasks.run(request, async (run) => {
        const input = { connection: connections.spec(connection), plan, owner: who.user.id, snapshot }
        const restored = await repositories.run('restoreVm', repository, input, { ...toTask(run), journal: run })
        for (const { text } of restored.notes) run.log(text)
        return { made: [restored.vm] }
      })
      info.setStatus(202)
      return { task }
    },
  }
}

async function makePlan(ports: RestorePorts, { id, wish, who, signal }: Wanted): Promise<Planned> {
  const { connections, inventory } = ports
  const { point, repository, snapshot } = demandPoint(ports, id, who)
  const stored = await storedVmOf(ports, { point, repository, snapshot, signal })
  const connection = wish.connection ?? connectionIn(ports, stored)
  demandTarget(inventory, { connection, wish, who })
  const { protect } = connections.session(connection)
  const plan = await protect.planRestore(requestOf(stored, wish), { signal })
  return { point, repository, snapshot, connection, plan }
}

/** What one may not see is not there. */
export function demandPoint({ catalogue }: Pick<RestorePorts, 'catalogue'>, id: PointId, who: Principal) {
  const parts = parsePointId(id)
  const point = parts && catalogue.get(parts.repository, parts.snapshot)
  const reach = who.access.reach('point:read')
  if (!parts || !point || reach === 'none' || (reach !== 'all' && !reach(point))) throw pointErrors.not_found({ id })
  demandPermission(who.access, 'point:restore', point)
  return { point, ...parts }
}

interface Content {
  readonly point: Point
  readonly repository: RepositoryId
  readonly snapshot: string
  readonly signal: AbortSignal
}

async function storedVmOf({ repositories, catalogue }: RestorePorts, content: Content): Promise<StoredVm> {
  const { point, repository, snapshot, signal } = content
  const { id, name } = point
  try {
    const { vm } = await repositories.run('content', repository, { snapshot }, { signal })
    const stored = readStoredVm(vm)
    if (stored) return stored
  } catch (error) {
    if (!isAppError(error, 'backup.snapshot_not_found')) throw error
    catalogue.remove(repository, [snapshot])
    throw pointErrors.gone({ id, name }, { cause: error })
  }
  throw pointErrors.not_ours({ id, name })
}

/** The connection that a point was taken from, or the only one that there is. */
function connectionIn({ inventory }: RestorePorts, { connection }: StoredVm): ConnectionId {
  if (isConnectionId(connection) && inventory.get('connection', connection)) return connection
  const [only, ...others] = inventory.all('connection')
  if (only && others.length === 0) return only.id
  throw connectionErrors.not_found({ id: connection })
}

interface Target {
  readonly connection: ConnectionId
  readonly wish: RestoreWish
  readonly who: Principal
}

/** Who restores must also be allowed to make VMs there, or to change the one that gets the disks. */
function demandTarget(inventory: Inventory, { connection, wish, who }: Target): void {
  const found = inventory.get('connection', connection)
  if (!found) throw connectionErrors.not_found({ id: connection })
  if (found.readOnly) throw connectionErrors.read_only({ name: found.name })
  if (wish.identity === 'into') {
    if (wish.vm === undefined) {
      throw requestErrors.invalid({ problems: [{ path: 'input.vm', message: 'Say which VM gets the disks.' }] })
    }
    if (connectionOfId(wish.vm) !== connection) {
      throw requestErrors.invalid({ problems: [{ path: 'input.vm', message: 'It is on another connection.' }] })
    }
    demandPermission(who.access, 'vm:configure', demandVisible(inventory, { type: 'vm', id: wish.vm, who }))
  } else demandPermission(who.access, 'vm:create')
  for (const id of [wish.storage, ...Object.values(wish.storageOf ?? {})]) {
    if (id !== undefined) demandVisible(inventory, { type: 'storage', id, who })
  }
  for (const id of Object.values(wish.networkOf ?? {})) {
    if (id !== null) demandVisible(inventory, { type: 'network', id, who })
  }
}

function requestOf({ config }: StoredVm, wish: RestoreWish): RestoreRequest {
  const { identity, vm, name, disks, storage, storageOf, networkOf, macs, tags, start, keepReplaced } = wish
  return {
    config,
    // `into` has a VM: it was asked for.
    identity:
      identity === 'into' && vm !== undefined ? { kind: 'into', vm } : { kind: identity === 'same' ? 'same' : 'new' },
    name,
    disks,
    storage,
    storageOf,
    networkOf,
    macs,
    addTags: tags,
    start,
    keepReplaced,
  }
}

function previewOf({ name, disks, nics, notes, problems }: RestorePlan): RestorePreview {
  return {
    name,
    disks: disks.map(({ disk, storage, mode, replaces }) => {
      const shown = { key: disk.key, name: disk.name, size: disk.size, storage: storage.id, mode }
      return replaces === undefined ? shown : Object.assign(shown, { replaces })
    }),
    nics: nics.map(({ nic, network, mac }) => ({ position: nic.position, network: network?.id ?? null, mac })),
    notes: notes.map(({ text }) => text),
    problems: [...problems],
  }
}
