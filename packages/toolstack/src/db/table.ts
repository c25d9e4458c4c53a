import type { ClassModel } from '../model/model.ts'
import { defaultValues } from './defaults.ts'
import type { MutableRow } from './row.ts'

/** All objects of one class, in the order they came to be. */
export class Table {
  readonly cls: ClassModel
  readonly rows: Map<string, MutableRow> = new Map()
  /** UUID in lower case → row. */
  readonly byUuid: Map<string, MutableRow> = new Map()
  readonly #defaults: Record<string, unknown>
  readonly #computed: readonly string[]

  constructor(cls: ClassModel) {
    this.cls = cls
    this.#defaults = defaultValues(cls)
    this.#computed = cls.fields.filter((f) => f.relation && f.relation.kind !== 'one').map((f) => f.name)
  }

  /** Values of a new row, with sets of its own. */
  newValues(): Record<string, unknown> {
    const values = { ...this.#defaults }
    for (const name of this.#computed) values[name] = new Set<string>()
    return values
  }

  add(row: MutableRow): void {
    this.rows.set(row.ref, row)
    this.byUuid.set(uuidOf(row), row)
  }

  clear(): void {
    this.rows.clear()
    this.byUuid.clear()
  }

  remove(row: MutableRow): void {
    this.rows.delete(row.ref)
    if (this.byUuid.get(uuidOf(row)) === row) this.byUuid.delete(uuidOf(row))
  }
}

export function uuidOf(row: MutableRow): string {
  const uuid = row.values['uuid']
  return typeof uuid === 'string' ? uuid.toLowerCase() : ''
}
