import type { ClassModel, FieldModel } from '../model/model.ts'
import type { WireType } from '../model/wire-type.ts'
import { parseDate } from '../wire/dates.ts'
import { nullRef } from './ref.ts'

/** Values of a new row before anything is set: the data model's defaults, or the empty value of the type. */
export function defaultValues(cls: ClassModel): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const field of cls.fields) values[field.name] = defaultValue(field)
  return values
}

/** The value a field has when nobody set it. */
export function defaultValue(field: FieldModel): unknown {
  if (field.relation && field.relation.kind !== 'one') return new Set<string>()
  if (field.default === undefined) return emptyValue(field.type)
  // Some defaults of references are the empty text; hosts show them as null.
  if (field.type.kind === 'ref' && field.default === '') return nullRef
  if (field.type.kind !== 'datetime') return field.default
  return typeof field.default === 'string' ? (parseDate(field.default) ?? 0) : 0
}

/** The empty value of a type: zero, no text, no elements, the null reference, the first value of an enum. */
export function emptyValue(type: WireType): unknown {
  switch (type.kind) {
    case 'string':
    case 'secret':
    case 'void':
      return ''
    case 'int':
    case 'float':
    case 'datetime':
      return 0
    case 'bool':
      return false
    case 'enum':
      return type.values.values().next().value ?? ''
    case 'ref':
      return nullRef
    case 'set':
      return []
    case 'map':
    case 'record':
    case 'struct':
      return {}
    case 'option':
      return null
  }
}
