import { z } from 'zod'
import { elementOf, unwrap } from '../contract/fields.ts'
import { parseId } from '../ids/resource-id.ts'
import type { Unit } from '../schema/fields.ts'

/**
 * How a field is asked for: `text` by a part of it, `label` (tags, addresses) and `word` (one of a few) by the whole, `id` by id or name
 * of the object, `number` and `time` by comparison, `flag` by yes and no, `keys` by the names in it, `object` only by `has:`.
 */
export type FieldKind = 'text' | 'label' | 'word' | 'id' | 'number' | 'time' | 'flag' | 'keys' | 'object'

/** A field that can be asked for and sorted by. */
export interface QueryField {
  readonly name: string
  readonly kind: FieldKind
  readonly unit?: Unit | undefined
  /** All words of a `word`. */
  readonly words?: readonly string[] | undefined
  readonly description: string
  /** The value or values in an object; `undefined` when it is not known. `now` is in epoch milliseconds. */
  readonly read: (object: object, now: number) => unknown
  /** A condition without a field looks here. */
  readonly searched: boolean
}

/** The fields of one type of object. */
export interface FieldTable {
  readonly type: string
  readonly fields: readonly QueryField[]
  /** A field by its name or another name for it, in any case. */
  find(name: string): QueryField | undefined
  /** Other names, with the field each stands for. */
  readonly aliases: ReadonlyMap<string, string>
}

const searchedFields = new Set([
  'name',
  'description',
  'hostname',
  'address',
  'ips',
  'tags',
  'mac',
  'message',
  'os.name',
  'fullName',
  'email',
  'userName',
  'onName',
  'action',
  'location',
  'uuid',
  'lineage',
])
/** Names that people use for a field, where the type has no field of that name. */
const otherNames: readonly (readonly [alias: string, field: string])[] = [
  ['ram', 'memory'],
  ['mem', 'memory'],
  ['cpu', 'vcpus'],
  ['cpus', 'vcpus'],
  ['cpus', 'cpu.threads'],
  ['desc', 'description'],
  ['label', 'tags'],
  ['os', 'os.name'],
  ['state', 'power'],
  ['protection', 'protection.state'],
  ['product', 'product.name'],
  ['version', 'product.version'],
  ['disk', 'drives.disk'],
  ['date', 'created'],
  ['date', 'time'],
]

/** Derives the table of a type from the schema of its objects. */
export function fieldTable(type: string, schema: z.ZodObject): FieldTable {
  const fields = [...fieldsIn(schema, '', (object) => object), ...derivedFields(type, schema)]
  const byName = new Map(fields.map((field) => [field.name.toLowerCase(), field]))
  const aliases = new Map<string, string>()
  const alias = (name: string, field: string): void => {
    const target = byName.get(field.toLowerCase())
    const there = byName.get(name.toLowerCase())
    if (!target || (there && there.kind !== 'object')) return
    byName.set(name.toLowerCase(), target)
    aliases.set(name, target.name)
  }
  for (const { name } of fields)
    if (name.length > 2 && name.endsWith('s') && !name.includes('.')) alias(name.slice(0, -1), name)
  for (const [name, field] of otherNames) alias(name, field)
  return { type, fields, aliases, find: (name) => byName.get(name.toLowerCase()) }
}

type Read = (object: object, now: number) => unknown

function* fieldsIn(schema: z.ZodObject, prefix: string, inside: Read): Generator<QueryField> {
  for (const [key, outer] of Object.entries(schema.shape)) {
    // zod's classic schemas hold classic schemas.
    const field = unwrap(outer as z.ZodType)
    const read: Read =
      prefix === ''
        ? (object) => (object as Readonly<Record<string, unknown>>)[key]
        : (object, now) => pick(inside(object, now), key)
    const description = (outer as z.ZodType).meta()?.description ?? field.meta()?.description ?? ''
    yield describeField({ name: prefix + key, schema: field, read, description })
    const nested = field instanceof z.ZodArray ? unwrap(elementOf(field)) : field
    if (nested instanceof z.ZodObject) yield* fieldsIn(nested, `${prefix}${key}.`, read)
  }
}

function pick(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value.map((item) => pick(item, key)).filter((found) => found !== undefined)
  if (typeof value !== 'object' || value === null) return undefined
  // An object with fields: it was parsed or made by its schema.
  return (value as Readonly<Record<string, unknown>>)[key]
}

function describeField({
  name,
  schema,
  read,
  description,
}: {
  readonly name: string
  readonly schema: z.ZodType
  readonly read: Read
  readonly description: string
}): QueryField {
  const many = schema instanceof z.ZodArray
  const item = many ? unwrap(elementOf(schema)) : schema
  const unit = item.meta()?.['unit'] as Unit | undefined
  const words = item instanceof z.ZodEnum ? item.options.map(String) : undefined
  return {
    name,
    kind: kindOf(item, { many, unit }),
    unit,
    words,
    description,
    read,
    searched: searchedFields.has(name),
  }
}

function kindOf(schema: z.ZodType, { many, unit }: { many: boolean; unit: Unit | undefined }): FieldKind {
  if (schema instanceof z.ZodEnum) return 'word'
  if (schema instanceof z.ZodBoolean) return 'flag'
  if (schema instanceof z.ZodNumber) return unit === 'time' ? 'time' : 'number'
  if (schema instanceof z.ZodRecord) return 'keys'
  if (schema instanceof z.ZodString) {
    const format = schema.meta()?.['format']
    if (typeof format === 'string' && (format === 'id' || format.endsWith('-id'))) return 'id'
    return many ? 'label' : 'text'
  }
  return 'object'
}

/** Fields that follow from others: `uptime`, `age`, `uuid`, and the type's own name for its id (`vm:web-01`). */
function derivedFields(type: string, schema: z.ZodObject): readonly QueryField[] {
  const has = (name: string): boolean => name in schema.shape
  const since = (name: string, field: string, description: string): QueryField => ({
    name,
    kind: 'number',
    unit: 'duration',
    description,
    searched: false,
    read: (object, now) => {
      const moment = pick(object, field)
      return typeof moment === 'number' ? now - moment : undefined
    },
  })
  const own: readonly QueryField[] = [
    {
      name: 'uuid',
      kind: 'label',
      description: "The provider's own name of the object.",
      searched: true,
      read: (object) => keyOf(pick(object, 'id')),
    },
    {
      name: type,
      kind: 'id',
      description: 'The object itself, by id or name.',
      searched: false,
      read: (object) => pick(object, 'id'),
    },
  ]
  return [
    ...(has('id') ? own.filter(({ name }) => !has(name)) : []),
    ...(has('started') ? [since('uptime', 'started', 'How long ago it was started.')] : []),
    ...(has('created') ? [since('age', 'created', 'How long ago it was made.')] : []),
  ]
}

function keyOf(id: unknown): string | undefined {
  if (typeof id !== 'string') return undefined
  // Asked for each object of a search without a field: the common form needs no parser.
  if (!id.includes('~')) return id.slice(id.indexOf('.', id.indexOf('.') + 1) + 1)
  return parseId(id)?.key ?? id
}
