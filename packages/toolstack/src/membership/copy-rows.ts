import type { Database } from '../db/database.ts'
import { isNull, nullRef } from '../db/ref.ts'
import type { Row } from '../db/row.ts'
import type { ClassName, Ref } from '../generated/rows.ts'
import type { WireType } from '../model/wire-type.ts'

/** What becomes of the references of one inventory in another. */
export type RefMap = Map<string, string>

export interface CopyPlan {
  readonly from: Database
  readonly to: Database
  /** The rows to copy. */
  readonly rows: readonly Row[]
  /** Objects that the other inventory has already. Copied rows are added. */
  readonly refs: RefMap
  /** Fields that a copy has otherwise. References in them are those of `to`. */
  readonly change?: (row: Row) => object
}

/**
 * Copies rows with all that connects them. Copies keep their UUIDs and get references of their own; what refers to an object that neither is copied
 * nor has a counterpart refers to nothing.
 */
export function copyRows({ from, to, rows, refs, change = () => ({}) }: CopyPlan): void {
  for (const { ref } of rows) refs.set(ref, `OpaqueRef:${to.newUuid()}`)
  const links: (() => void)[] = []
  for (const row of rows) {
    const [plain, linked] = fieldsOf(from, row, refs)
    const changed = change(row)
    const { name } = row.cls
    // The names come from the data model, the values from fields of the same name.
    const ref = to.insert(name as ClassName, plain, { ref: refs.get(row.ref) ?? '' })
    links.push(() => to.update(ref, { ...linked, ...changed }))
  }
  // Relations need both of their sides.
  for (const link of links) link()
}

/** The fields of a copy: those that stand alone, and those of relations. */
function fieldsOf(from: Database, row: Row, refs: RefMap): [plain: object, linked: object] {
  const plain: Record<string, unknown> = {}
  const linked: Record<string, unknown> = {}
  // The record by field names.
  const values = row.values as unknown as Readonly<Record<string, unknown>>
  for (const { name, type, relation } of from.table(row.cls.name).cls.fields) {
    if (relation?.kind === 'many' || name === 'current_operations' || name === 'allowed_operations') continue
    const value = translated(type, values[name], refs)
    if (relation) linked[name] = value
    else plain[name] = value
  }
  return [plain, linked]
}

function translated(type: WireType, value: unknown, refs: RefMap): unknown {
  if (type.kind === 'ref') return refs.get(String(value)) ?? nullRef
  if (type.kind === 'set' && type.of.kind === 'ref') {
    // Sets of the model are iterable.
    return [...(value as Iterable<string>)].flatMap((ref) => refs.get(ref) ?? [])
  }
  if (type.kind === 'map' && (type.key.kind === 'ref' || type.value.kind === 'ref')) {
    const entries = Object.entries((value ?? {}) as Record<string, unknown>)
    return Object.fromEntries(
      entries.flatMap(([key, entry]) => {
        const newKey = type.key.kind === 'ref' ? refs.get(key) : key
        return newKey === undefined ? [] : [[newKey, translated(type.value, entry, refs)]]
      }),
    )
  }
  return value
}

/** Pairs objects of a class that are the same in both inventories, by what `key` says of them. */
export function matchRows<C extends ClassName>(
  { from, to, refs }: Pick<CopyPlan, 'from' | 'to' | 'refs'>,
  cls: C,
  key: (row: Row<C>) => string | undefined,
): void {
  const known = new Map<string, Ref<C>>()
  for (const row of to.rows(cls)) {
    const name = key(row)
    if (name !== undefined && !known.has(name)) known.set(name, row.ref)
  }
  for (const row of from.rows(cls)) {
    const there = known.get(key(row) ?? '\0')
    if (there !== undefined && !isNull(there)) refs.set(row.ref, there)
  }
}

/** The rows of these classes that have no counterpart yet. */
export function unmatched(from: Database, classes: readonly ClassName[], refs: RefMap): Row[] {
  return classes.flatMap((cls) => [...from.rows(cls)].filter(({ ref }) => !refs.has(ref)))
}
