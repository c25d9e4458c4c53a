import {
  connectionErrors,
  connectionOfId,
  demand,
  demandPermission,
  storageCan,
  transferErrors,
  type Capability,
  type InventoryObjects,
  type Permission,
  type ResourceId,
  type ResourceType,
  type Storage,
  type StorageId,
} from '@nixen/api'
import type { ProviderSession } from '@nixen/providers'
import type { ActionPorts } from '../../actions/prepare.ts'
import type { Principal } from '../../auth/principal.ts'
import { demandVisible } from '../../inventory/visible.ts'

export interface TargetWish<T extends ResourceType> {
  readonly type: T
  readonly id: ResourceId<T>
  readonly who: Principal
  readonly permission: Permission
  readonly can?: Capability<InventoryObjects[T]> | undefined
  /** Whether anything is changed on its connection. */
  readonly changes: boolean
}

export interface Target<T extends ResourceType> {
  readonly object: InventoryObjects[T]
  readonly session: ProviderSession
}

/** The object that a transfer is about, when it may be done now. @throws TYPE.not_found, auth.forbidden, request.not_allowed, connection.* */
export function demandTarget<T extends ResourceType>(
  { inventory, connections }: ActionPorts,
  { type, id, who, permission, can, changes }: TargetWish<T>,
): Target<T> {
  const object = demandVisible(inventory, { type, id, who })
  demandPermission(who.access, permission, object)
  const connection = inventory.get('connection', connectionOfId(id))
  if (changes && connection?.readOnly === true) throw connectionErrors.read_only({ name: connection.name })
  if (can) demand(can, object, { readOnly: false, unsupported: connection?.unsupported })
  return { object, session: connections.session(connectionOfId(id)) }
}

/** A storage that takes disks, or images too. @throws transfer.wrong_storage and what {@link demandTarget} throws */
export function demandStorage(
  ports: ActionPorts,
  wish: { readonly id: StorageId; readonly who: Principal; readonly permission: Permission; readonly images: boolean },
): { readonly object: Storage; readonly session: ProviderSession; readonly isForImages: boolean } {
  const { object, session } = demandTarget(ports, { ...wish, type: 'storage', changes: true })
  const isForImages = object.content === 'images'
  const storage = object.name
  if (isForImages && !wish.images) {
    throw transferErrors.wrong_storage({ storage, reason: 'it holds installation images, no disks of VMs.' })
  }
  const verdict = isForImages ? usable(object) : storageCan.createDisk.check(object)
  if (!verdict.allowed) throw transferErrors.wrong_storage({ storage, reason: verdict.reason })
  return { object, session, isForImages }
}

function usable(storage: Storage): ReturnType<typeof storageCan.scan.check> {
  return storageCan.scan.check(storage)
}
