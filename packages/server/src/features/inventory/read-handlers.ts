import {
  connectionOfId,
  type InventoryObjects,
  type ListQuery,
  type NativeRecord,
  type Page,
  type ResourceId,
  type ResourceType,
} from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { Principal } from '../../auth/principal.ts'
import type { Connections } from '../../connections/connections.ts'
import type { JsonAnswer, RequestInfo } from '../../http/handler.ts'
import type { Inventory } from '../../inventory/inventory.ts'
import type { JsonTexts } from '../../inventory/json-texts.ts'
import { Lists } from '../../inventory/lists.ts'
import { demandVisible } from '../../inventory/visible.ts'

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
  list(request: { readonly input: ListQuery; readonly who: Principal }): Promise<JsonAnswer<Page<InventoryObjects[T]>>>
  get(request: One<T>): Promise<JsonAnswer<InventoryObjects[T]>>
  native(request: One<T>): Promise<NativeRecord>
}

/** Handlers that read objects of a type: what one may not see is not there. */
export function readHandlers<T extends ResourceType>(
  type: T,
  { inventory, connections, clock }: ReadPorts,
  texts: JsonTexts,
): ReadHandlers<T> {
  const lists = new Lists(inventory, type)
  return {
    async list({ input, who }) {
      const reach = who.access.reach(`${type}:read`)
      const visible = typeof reach === 'function' ? { visible: reach } : {}
      return texts.page(lists.page(input, { now: clock.now(), ...visible }))
    },
    get: async ({ params: { id }, who }) => texts.one(demandVisible(inventory, { type, id, who })),
    async native({ params: { id }, who, info: { signal } }) {
      demandVisible(inventory, { type, id, who })
      const connection = connectionOfId(id)
      const { class: name, ref, record } = await connections.session(connection).native(id, { signal })
      const provider = inventory.get('connection', connection)?.kind ?? 'xapi'
      return { provider, class: name, ref, record }
    },
  }
}
