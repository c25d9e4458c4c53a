import type { InventoryEvent } from './inventory.ts'

/** A change as it is sent, without its number: `"type":…,"id":…,…}`. */
export type DeltaTail = string

/** The tail of a change that shows an object: all its fields. */
export function appearTail(type: string, id: string, object: object): DeltaTail {
  return `${head(type, id)},"set":${JSON.stringify(object)}}`
}

/** The tail of a change that takes an object away. */
export function goneTail(type: string, id: string): DeltaTail {
  return `${head(type, id)},"gone":true}`
}

/** The tail of a change of fields, shallow; `undefined` when no field differs. Parts that did not change are the same values. */
export function changeTail({ type, id, before, after }: InventoryEvent): DeltaTail | undefined {
  if (!before || !after) return undefined
  const set: Record<string, unknown> = {}
  const unset: string[] = []
  const old: Readonly<Record<string, unknown>> = { ...before }
  const next: Readonly<Record<string, unknown>> = { ...after }
  let changed = false
  for (const [key, value] of Object.entries(next)) {
    if (value === undefined || Object.is(old[key], value)) continue
    set[key] = value
    changed = true
  }
  for (const key of Object.keys(old)) if (old[key] !== undefined && next[key] === undefined) unset.push(key)
  if (!changed && unset.length === 0) return undefined
  const parts = [head(type, id)]
  if (changed) parts.push(`"set":${JSON.stringify(set)}`)
  if (unset.length > 0) parts.push(`"unset":${JSON.stringify(unset)}`)
  return `${parts.join(',')}}`
}

function head(type: string, id: string): string {
  return `"type":"${type}","id":${JSON.stringify(id)}`
}
