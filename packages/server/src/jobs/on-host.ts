import { typeOfId, type HostId, type ResourceId } from '@nixen/api'
import type { Inventory } from '../inventory/inventory.ts'
import type { Wanted } from './gates.ts'

/** The place on a host that work on an object takes: on itself, or on the one that a VM runs on; none for what is on no host. */
export function placeOnHost(inventory: Inventory, id: ResourceId, perHost: number): readonly Wanted[] {
  const type = typeOfId(id)
  // Ids say the type.
  const host = type === 'host' ? (id as HostId) : type === 'vm' ? inventory.get('vm', id)?.host : undefined
  return host === undefined ? [] : [{ key: host, places: 1, limit: perHost }]
}
