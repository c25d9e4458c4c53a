import { MutableRow } from '../db/row.ts'
import { dataModel, type ClassModel } from '../model/model.ts'

/** Class and fields of a record: of a row, or of an object that a handler made for a class without a table. */
export function recordParts(
  className: string,
  value: unknown,
): { cls: ClassModel; values: Readonly<Record<string, unknown>> } {
  if (value instanceof MutableRow) return value
  const cls = dataModel().classes.get(className)
  if (!cls) throw new TypeError(`No class ${className} in the data model`)
  // Handlers are typed by the data model.
  return { cls, values: value as Record<string, unknown> }
}
