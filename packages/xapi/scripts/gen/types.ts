import { parseType, type XapiType } from '../../src/values/type.ts'
import type { Overrides } from './model.ts'
import { pascal } from './names.ts'

/** What a type is written for: a value that a host sends, or one that it is sent. */
export interface TypeContext {
  readonly direction: 'received' | 'sent'
  /** Whether a reference at the top may be null. */
  readonly nullable?: boolean
  /** Whether an integer at the top may be beyond 2^53. */
  readonly wide?: boolean
}

/** TypeScript for a type of the data model. */
export function tsType(text: string, context: TypeContext): string {
  return write(parseType(text), context)
}

/** TypeScript for a field of a record. */
export function fieldType(
  className: string,
  field: { readonly name: string; readonly type: string },
  { direction, overrides }: { direction: TypeContext['direction']; overrides: Overrides },
): string {
  const path = `${className}.${field.name}`
  return tsType(field.type, {
    direction,
    nullable: !overrides.neverNull.fields.includes(path),
    wide: overrides.wideIntegers.fields.includes(path),
  })
}

function write(type: XapiType, context: TypeContext): string {
  const { direction } = context
  const sent = direction === 'sent'
  switch (type.kind) {
    case 'string':
      return 'string'
    case 'int':
      return sent || context.wide ? 'number | bigint' : 'number'
    case 'float':
      return 'number'
    case 'bool':
      return 'boolean'
    case 'datetime':
      return 'EpochMs'
    case 'void':
      return 'void'
    case 'any':
      return 'unknown'
    case 'enum':
      return sent ? pascal(type.name) : `Open<${pascal(type.name)}>`
    case 'ref':
      return `Ref<'${type.class}'>${context.nullable ? ' | null' : ''}`
    case 'record':
      return recordName(type.class, direction)
    case 'set':
      return `readonly ${element(write(type.of, { direction }))}[]`
    case 'option':
      return `${write(type.of, { direction })} | null`
    case 'map':
      return writeMap(type, direction)
  }
}

function writeMap({ key, value }: XapiType & { kind: 'map' }, direction: TypeContext['direction']): string {
  // Maps may hold null references, unlike sets.
  const item = write(value, { direction, nullable: direction === 'received' })
  if (key.kind === 'ref') return `ReadonlyMap<${write(key, { direction })}, ${item}>`
  if (key.kind === 'enum' && direction === 'sent')
    return `Readonly<Partial<Record<${write(key, { direction })}, ${item}>>>`
  return `Readonly<Record<${key.kind === 'int' ? 'number' : 'string'}, ${item}>>`
}

function element(text: string): string {
  return /[ |]/.test(text) && !text.endsWith('>') ? `(${text})` : text
}

function recordName(className: string, direction: TypeContext['direction']): string {
  if (className === 'event_batch') return 'EventBatch'
  if (className === 'event') return 'XapiEvent'
  if (className === '*') return 'unknown'
  return `${pascal(className)}${direction === 'sent' ? 'Create' : 'Record'}`
}
