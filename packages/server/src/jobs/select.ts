import { listObjects, parseId, type ResourceId, type ResourceType, type Selection } from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { Principal } from '../auth/principal.ts'
import type { Inventory } from '../inventory/inventory.ts'

export interface SelectPorts {
  readonly inventory: Inventory
  readonly clock: Clock
}

/** An object that a job works on. */
export interface Selected {
  readonly id: ResourceId
  readonly name: string
  /** It is none of the inventory: its id means something to its kind of job only. */
  readonly outside?: boolean
}

/** Tags of VMs that Nixen itself made for a purpose: they are only worked on when somebody names them. */
const setAside = ['nixen:health-check', 'nixen:replica'] as const

/** Objects of `type` that a selection finds now, of those that somebody may see, by name. @throws query.invalid */
export function selectObjects(
  { inventory, clock }: SelectPorts,
  { q, ids = [], excludeTags }: Selection,
  { type, who }: { readonly type: ResourceType; readonly who: Principal },
): readonly Selected[] {
  const reach = who.access.reach(`${type}:read`)
  if (reach === 'none') return []
  const nameOf = (id: string): string | undefined => inventory.nameOf(id)
  const named = mayBe(reach, excludeTags)
  const context = { now: clock.now(), nameOf, visible: mayBe(reach, [...excludeTags, ...setAside]) }
  const found = new Map<ResourceId, string>()
  if (q !== undefined) {
    const { items } = listObjects(type, inventory.all(type), { q, limit: 1_000_000, ...context })
    for (const { id, name } of items) found.set(id, name)
  }
  for (const id of ids) {
    const object = parseId(id)?.type === type ? inventory.get(type, id) : undefined
    if (object && named(object)) found.set(id, object.name)
  }
  return [...found].map(([id, name]) => ({ id, name }))
}

function mayBe(reach: 'all' | ((object: object) => boolean), tags: readonly string[]): (object: object) => boolean {
  const excluded = new Set(tags)
  return (object) => {
    if (reach !== 'all' && !reach(object)) return false
    return !('tags' in object && Array.isArray(object.tags) && object.tags.some((tag) => excluded.has(String(tag))))
  }
}
