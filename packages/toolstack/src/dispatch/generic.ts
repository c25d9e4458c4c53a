import type { Database } from '../db/database.ts'
import type { MutableRow } from '../db/row.ts'
import { fault } from '../errors.ts'
import type { ClassName, Ref } from '../generated/rows.ts'
import type { MessageModel } from '../model/model.ts'
import { compileFilter } from './filter.ts'

/** Does a message that follows from the data model alone; `undefined` when the message is not of that kind. */
export type GenericHandler = (db: Database, params: readonly unknown[]) => unknown

/** The generic behaviour of a message, if it has one. */
export function genericHandler(message: MessageModel): GenericHandler | undefined {
  // Both are names from the data model.
  const cls = message.class.name as ClassName
  const field = message.field ?? ''
  switch (message.kind) {
    case 'get_record':
      return (db, [self]) => rowOf(db, cls, self)
    case 'field-get':
      return (db, [self]) => rowOf(db, cls, self).values[field]
    case 'field-set':
      return (db, [self, value]) => set(db, rowOf(db, cls, self), field, value)
    case 'field-add':
      return (db, params) => add(db, rowOf(db, cls, params[0]), field, params)
    case 'field-remove':
      return (db, [self, key]) => removeFrom(db, rowOf(db, cls, self), field, key)
    case 'get_all':
      return (db) => [...db.table(cls).rows.keys()]
    case 'get_all_records':
      return (db) => db.table(cls).rows
    case 'get_all_where':
      return (db, [expression]) => where(db, message, expression).map(([ref]) => ref)
    case 'get_all_records_where':
      return (db, [expression]) => new Map(where(db, message, expression))
    case 'get_by_uuid':
      return (db, [uuid]) => db.byUuid(cls, text(uuid))
    case 'get_by_name_label':
      return (db, [label]) =>
        [...db.table(cls).rows.values()].filter((row) => row.values['name_label'] === label).map((row) => row.ref)
    case 'create':
      return (db, [fields]) => db.insert(cls, fields as object)
    case 'destroy':
      return (db, [self]) => db.remove(rowOf(db, cls, self).ref)
    case 'custom':
      return undefined
  }
}

function rowOf(db: Database, cls: ClassName, ref: unknown): MutableRow {
  const row = db.table(cls).rows.get(text(ref))
  if (!row) throw fault('HANDLE_INVALID', cls, text(ref))
  return row
}

function set(db: Database, row: MutableRow, field: string, value: unknown): void {
  db.update(row.ref as Ref<ClassName>, { [field]: value })
}

function add(db: Database, row: MutableRow, field: string, [, key, value]: readonly unknown[]): void {
  const before = row.values[field]
  const name = text(key)
  if (Array.isArray(before)) {
    if (!before.includes(key)) set(db, row, field, [...before, key])
    return
  }
  const map = before as Readonly<Record<string, unknown>>
  if (Object.hasOwn(map, name)) throw fault('MAP_DUPLICATE_KEY', row.cls.name, field, row.ref, name)
  // `fromEntries` defines the key whatever its name.
  set(db, row, field, Object.fromEntries([...Object.entries(map), [name, value]]))
}

function removeFrom(db: Database, row: MutableRow, field: string, key: unknown): void {
  const before = row.values[field]
  if (Array.isArray(before))
    set(
      db,
      row,
      field,
      before.filter((item) => item !== key),
    )
  else set(db, row, field, Object.fromEntries(Object.entries(before as object).filter(([name]) => name !== key)))
}

function where(db: Database, message: MessageModel, expression: unknown): [string, MutableRow][] {
  const matches = compileFilter(message.class, text(expression))
  return [...db.table(message.class.name).rows].filter(([, row]) => matches(row))
}

/** Parameters are decoded by their types before they come here. */
function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
