import {
  alarmErrors,
  diskErrors,
  hostErrors,
  networkErrors,
  nicErrors,
  poolErrors,
  snapshotErrors,
  storageErrors,
  taskErrors,
  templateErrors,
  vmErrors,
  type InventoryObjects,
  type ResourceType,
} from '@nixen/api'
import type { AppError } from '@nixen/core'
import type { Principal } from '../auth/principal.ts'
import type { Inventory } from './inventory.ts'

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

/** An object that `who` may see: what one may not see is not there. @throws TYPE.not_found */
export function demandVisible<T extends ResourceType>(
  inventory: Inventory,
  { type, id, who }: { readonly type: T; readonly id: string; readonly who: Principal },
): InventoryObjects[T] {
  const object = inventory.get(type, id)
  const reach = who.access.reach(`${type}:read`)
  if (!object || reach === 'none' || (reach !== 'all' && !reach(object))) throw notFound[type]({ id })
  return object
}
