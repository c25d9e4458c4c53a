import { typeName, type Field, type TypeEntry } from './model.ts'

/** What a field is on the wire, typedefs resolved. */
export type Shape =
  | { readonly kind: 'number'; readonly call: 'int' | 'uint' | 'double' }
  | { readonly kind: 'bigint'; readonly call: 'hyper' | 'uhyper' }
  | { readonly kind: 'uuid' }
  | { readonly kind: 'string'; readonly max: number }
  /** Bytes: packed for `opaque`, four bytes on the wire for each where XDR says `char`. */
  | { readonly kind: 'bytes'; readonly wide: boolean; readonly fixed: boolean; readonly length: number }
  | { readonly kind: 'array'; readonly of: Shape; readonly fixed: boolean; readonly length: number }
  | { readonly kind: 'optional'; readonly of: Shape }
  | { readonly kind: 'named'; readonly name: string }

export type Types = ReadonlyMap<string, TypeEntry>

const primitives: Readonly<Record<string, Shape>> = {
  int: { kind: 'number', call: 'int' },
  uint: { kind: 'number', call: 'uint' },
  char: { kind: 'number', call: 'int' },
  uchar: { kind: 'number', call: 'uint' },
  ushort: { kind: 'number', call: 'uint' },
  double: { kind: 'number', call: 'double' },
  hyper: { kind: 'bigint', call: 'hyper' },
  uhyper: { kind: 'bigint', call: 'uhyper' },
}

export function shapeOf(field: Omit<Field, 'name'>, types: Types): Shape {
  if (field.optional) return { kind: 'optional', of: shapeOf({ ...field, optional: false }, types) }
  if (!field.array) return single(field.type, types)
  const fixed = field.array === 'fixed'
  const length = (fixed ? field.size : field.max) ?? 0
  if (field.type === 'string') return { kind: 'string', max: length }
  if (field.type === 'opaque') return { kind: 'bytes', wide: false, fixed, length }
  if (field.type === 'char' || field.type === 'uchar') return { kind: 'bytes', wide: true, fixed, length }
  return { kind: 'array', of: single(field.type, types), fixed, length }
}

function single(type: string, types: Types): Shape {
  const primitive = primitives[type]
  if (primitive) return primitive
  if (type === 'remote_uuid') return { kind: 'uuid' }
  const entry = types.get(type)
  if (!entry) throw new Error(`protocol.json does not describe ${type}`)
  if (entry.kind === 'typedef') return shapeOf(entry.of, types)
  return entry.kind === 'enum' ? { kind: 'number', call: 'int' } : { kind: 'named', name: type }
}

export function tsType(shape: Shape): string {
  switch (shape.kind) {
    case 'number':
      return 'number'
    case 'bigint':
      return 'bigint'
    case 'uuid':
    case 'string':
      return 'string'
    case 'bytes':
      return 'Uint8Array'
    case 'array':
      return shape.of.kind === 'optional' ? `readonly (${tsType(shape.of)})[]` : `readonly ${tsType(shape.of)}[]`
    case 'optional':
      return `${tsType(shape.of)} | undefined`
    case 'named':
      return typeName(shape.name)
  }
}

/** The statement that writes `value`. */
export function writeCode(shape: Shape, value: string): string {
  switch (shape.kind) {
    case 'number':
    case 'bigint':
      return `w.${shape.call}(${value})`
    case 'uuid':
      return `w.uuid(${value})`
    case 'string':
      return `w.string(${value}, ${shape.max})`
    case 'bytes':
      return `w.${shape.wide ? 'wide' : 'opaque'}${shape.fixed ? 'Fixed' : ''}(${value}, ${shape.length})`
    case 'array':
      return `w.${shape.fixed ? 'vector' : 'array'}(${value}, ${shape.length}, (x) => ${writeCode(shape.of, 'x')})`
    case 'optional':
      return `w.optional(${value}, (x) => ${writeCode(shape.of, 'x')})`
    case 'named':
      return `${typeName(shape.name)}.write(w, ${value})`
  }
}

/** The expression that reads. */
export function readCode(shape: Shape): string {
  switch (shape.kind) {
    case 'number':
    case 'bigint':
      return `r.${shape.call}()`
    case 'uuid':
      return 'r.uuid()'
    case 'string':
      return `r.string(${shape.max})`
    case 'bytes':
      return `r.${shape.wide ? 'wide' : 'opaque'}${shape.fixed ? 'Fixed' : ''}(${shape.length})`
    case 'array':
      return `r.${shape.fixed ? 'vector' : 'array'}(${shape.length}, () => ${readCode(shape.of)})`
    case 'optional':
      return `r.optional(() => ${readCode(shape.of)})`
    case 'named':
      return `${typeName(shape.name)}.read(r)`
  }
}
