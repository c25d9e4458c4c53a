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
  type ResourceType,
} from '@nixen/api'
import type { AppError } from '@nixen/core'

const errors = {
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
} as const satisfies Record<ResourceType, unknown>

/** `TYPE.not_found` for an object that the host does not have. */
export function notFound(type: ResourceType, id: string, cause?: unknown): AppError {
  return errors[type]({ id }, cause === undefined ? {} : { cause })
}
