import type { ClassName, Ref, Rows } from '../generated/rows.ts'
import type { ClassModel } from '../model/model.ts'

/** An object of the inventory. Only the database changes one. */
export interface Row<C extends ClassName = ClassName> {
  readonly ref: Ref<C>
  readonly cls: ClassModel
  /** A live view: shows later changes too. */
  readonly values: Readonly<Rows[C]>
  /** Generation at which the row came to be. */
  readonly created: number
  /** Generation of the last change. */
  readonly modified: number
}

/** A row as the database sees it. */
export class MutableRow {
  readonly cls: ClassModel
  readonly ref: Ref
  readonly values: Record<string, unknown>
  readonly created: number
  modified: number
  /** JSON text of the record, kept until the next change. */
  json: string | undefined

  constructor(cls: ClassModel, ref: Ref, values: Record<string, unknown>, generation: number) {
    this.cls = cls
    this.ref = ref
    this.values = values
    this.created = generation
    this.modified = generation
  }
}

/** Whether two field values are the same: scalars, arrays, maps. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => sameValue(item, b[i]))
  }
  const before = Object.entries(a)
  // Maps of the API hold strings, numbers and sets of strings.
  const after = b as Record<string, unknown>
  return (
    before.length === Object.keys(after).length &&
    before.every(([key, value]) => Object.hasOwn(after, key) && sameValue(value, after[key]))
  )
}
