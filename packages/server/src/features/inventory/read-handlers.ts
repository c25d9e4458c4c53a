import {
  alarmErrors,
  connectionOfId,
  diskErrors,
  hostErrors,
  listObjects,
  may,
  networkErrors,
  nicErrors,
  poolErrors,
  snapshotErrors,
  storageErrors,
  taskErrors,
  templateErrors,
  vmErrors,
  type InventoryObjects,
  type ListQuery,
  type NativeRecord,
  type Page,
  type ResourceId,
  type ResourceType,
} from '@nixen/api'
import type { AppError, Clock } from '@nixen/core'
import type { Principal } from '../../auth/principal.ts'
import type { Connections } from '../../connections/connections.ts'
import type { RequestInfo } from '../../http/handler.ts'
import type { Inventory } from '../../inventory/inventory.ts'

export interface ReadPorts {
  readonly inventory: Inventory
  readonly connections: Connections
  readonly clock: Clock
}

interface One<T extends ResourceType> {
  readonly params: { readonly id: ResourceId<T> }
  readonly who: Principal
  readonly info: RequestInfo
}

/** The three reading endpoints of one type. */
export interface ReadHandlers<T extends ResourceType> {
  list(request: { readonly input: ListQuery; readonly who: Principal }): Promise<Page<InventoryObjects[T]>>
  get(request: One<T>): Promise<InventoryObjects[T]>
  native(request: One<T>): Promise<NativeRecord>
}

const notFound: { readonly [T in ResourceType]: (params: { id: string }) => AppError } = {
  pool: poolErrors.not_found,
  host: hostErrors.not_found,
  vm: vmErrors.not_found,
  template: templateErrors.not_found,
  snapshot: snapshotErrors.not_found,
  storage: storageErrors.not_found,
  disk: diskErrors.not_found,
  network: networkErrors.not_found,
  nic: nicErrors.not_found,
  task: taskErrors.not_found,
  alarm: alarmErrors.not_found,
}

/** Handlers that read objects of a type: what one may not see is not there. */
export function readHandlers<T extends ResourceType>(
  type: T,
  { inventory, connections, clock }: ReadPorts,
): ReadHandlers<T> {
  return {
    async list({ input, who }) {
      const reach = who.access.reach(`${type}:read`)
      const visible = typeof reach === 'function' ? { visible: reach } : {}
      const context = { now: clock.now(), nameOf: (id: string) => inventory.nameOf(id), ...visible }
      return listObjects<InventoryObjects[T]>(type, inventory.all(type), { ...input, ...context })
    },
    get: async ({ params: { id }, who }) => demandVisible(inventory, { type, id, who }),
    async native({ params: { id }, who, info: { signal } }) {
      demandVisible(inventory, { type, id, who })
      const connection = connectionOfId(id)
      const { class: name, ref, record } = await connections.session(connection).native(id, { signal })
      const provider = inventory.get('connection', connection)?.kind ?? 'xapi'
      return { provider, class: name, ref, record }
    },
  }
}

/** An object that `who` may see. @throws TYPE.not_found */
export function demandVisible<T extends ResourceType>(
  inventory: Inventory,
  { type, id, who }: { readonly type: T; readonly id: string; readonly who: Principal },
): InventoryObjects[T] {
  const object = inventory.get(type, id)
  if (!object || !may(who.access, `${type}:read`, object)) throw notFound[type]({ id })
  return object
}
