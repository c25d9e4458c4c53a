import { readDataModel } from './data-files.ts'
import type { DataModelFile, RawClass, RawField, RawMessage } from './data-model-file.ts'
import { typeParser, type WireType } from './wire-type.ts'

/** Where the other end of a relation is, and what this end is. */
export interface RelationEnd {
  readonly class: string
  readonly field: string
  /** `one`: a stored ref; `many`: the set computed from the refs on the other side; `peer`: a stored set on both sides. */
  readonly kind: 'one' | 'many' | 'peer'
}

/** One field of a class. */
export interface FieldModel {
  readonly name: string
  readonly type: WireType
  readonly qualifier: 'RW' | 'StaticRO' | 'DynamicRO'
  /** Wire form of the value `create` takes when the field is left out; absent when it must be given. */
  readonly default?: unknown
  /** Never leaves the server. */
  readonly internal: boolean
  /** Kept over a restart. */
  readonly persist: boolean
  readonly relation?: RelationEnd
  /** Name in filter expressions: namespaces joined by `__`. */
  readonly filterName: string
}

/** One parameter of a message. */
export interface ParamModel {
  readonly name: string
  readonly type: WireType
  readonly optional: boolean
  readonly default?: unknown
}

/** One message of a class, `kind` being `custom` or the generator that made it. */
export interface MessageModel {
  readonly class: ClassModel
  readonly name: string
  /** `Class.name`. */
  readonly wireName: string
  readonly kind: RawMessage['kind']
  /** The field of `field-get` and its like. */
  readonly field?: string
  readonly session: boolean
  readonly async: boolean
  readonly params: readonly ParamModel[]
  /** Parameters without a default. */
  readonly required: number
  readonly result: WireType
  readonly minRole: string
  readonly mapKeyRoles: ReadonlyMap<string, string>
  readonly clientCertRole: boolean
  readonly hidden: boolean
  readonly removed: boolean
  readonly poolInternal: boolean
  readonly secret: boolean
  readonly emergency: boolean
}

/** One class: its table and its messages. */
export interface ClassModel {
  readonly name: string
  /** As events spell it. */
  readonly lower: string
  readonly persist: boolean
  /** Whether its objects are rows. */
  readonly inDatabase: boolean
  readonly genEvents: boolean
  readonly constructible: boolean
  /** Whether a call may make a task. */
  readonly tasks: boolean
  readonly fields: readonly FieldModel[]
  readonly field: ReadonlyMap<string, FieldModel>
  /** The fields of a record on the wire. */
  readonly visibleFields: readonly FieldModel[]
  readonly messages: readonly MessageModel[]
}

/** One HTTP path of the server. */
export interface HttpActionModel {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly minRole: string
  readonly rbacChecked: boolean
}

/** The whole data model as lookup tables. */
export interface Model {
  readonly apiVersion: { readonly major: number; readonly minor: number }
  readonly classes: ReadonlyMap<string, ClassModel>
  readonly classByLower: ReadonlyMap<string, ClassModel>
  readonly enums: ReadonlyMap<string, ReadonlySet<string>>
  /** By both spellings, `VM.start` and `VM_start`. */
  readonly messages: ReadonlyMap<string, MessageModel>
  /** Roles, most privileged first. */
  readonly roles: readonly { readonly name: string; readonly internal: boolean }[]
  readonly errors: ReadonlyMap<string, readonly string[] | undefined>
  readonly httpActions: readonly HttpActionModel[]
}

let loaded: Model | undefined

/** The data model; read once in a process. */
export function dataModel(): Model {
  // The file is part of the product and checked by the tests, so its shape is trusted.
  loaded ??= buildModel(readDataModel() as DataModelFile)
  return loaded
}

/** Turns the file into lookup tables. */
export function buildModel(file: DataModelFile): Model {
  const enums = new Map(file.enums.map((entry) => [entry.name, new Set(entry.values)]))
  const parse = typeParser(enums)
  const relations = relationEnds(file)
  const classes = new Map(file.classes.map((raw) => [raw.name, buildClass(raw, parse, relations)]))
  const messages = new Map<string, MessageModel>()
  for (const cls of classes.values()) {
    for (const message of cls.messages) {
      messages.set(message.wireName, message)
      messages.set(`${cls.name}_${message.name}`, message)
    }
  }
  return {
    apiVersion: file.apiVersion,
    classes,
    classByLower: new Map([...classes.values()].map((cls) => [cls.lower, cls])),
    enums,
    messages,
    roles: file.roles,
    errors: new Map(file.errors.map((error) => [error.name, error.params ?? undefined])),
    httpActions: file.httpActions,
  }
}

function relationEnds(file: DataModelFile): ReadonlyMap<string, RelationEnd> {
  const types = new Map<string, string>(
    file.classes.flatMap((cls) => cls.fields.map((field) => [`${cls.name}.${field.name}`, field.type] as const)),
  )
  const ends = new Map<string, RelationEnd>()
  for (const [a, b] of file.relations) {
    const manyToMany = isSet(types.get(a)) && isSet(types.get(b))
    ends.set(a, relationEnd(b, manyToMany ? 'peer' : isSet(types.get(a)) ? 'many' : 'one'))
    ends.set(b, relationEnd(a, manyToMany ? 'peer' : isSet(types.get(b)) ? 'many' : 'one'))
  }
  return ends
}

function isSet(type: string | undefined): boolean {
  return type?.startsWith('set(') ?? false
}

function relationEnd(other: string, kind: RelationEnd['kind']): RelationEnd {
  const dot = other.indexOf('.')
  return { class: other.slice(0, dot), field: other.slice(dot + 1), kind }
}

function buildClass(
  raw: RawClass,
  parse: (text: string) => WireType,
  relations: ReadonlyMap<string, RelationEnd>,
): ClassModel {
  const fields = raw.fields.map((field) => buildField(field, parse, relations.get(`${raw.name}.${field.name}`)))
  const messages: MessageModel[] = []
  const cls: ClassModel = {
    name: raw.name,
    lower: raw.name.toLowerCase(),
    // Messages are no table of the host's database, which keeps them in files.
    persist: raw.persist || raw.name === 'message',
    inDatabase: raw.inDatabase,
    genEvents: raw.genEvents,
    constructible: raw.constructible,
    tasks: raw.taskForCalls,
    fields,
    field: new Map(fields.map((field) => [field.name, field])),
    visibleFields: fields.filter((field) => !field.internal),
    messages,
  }
  for (const message of raw.messages) messages.push(buildMessage(cls, message, parse))
  return cls
}

function buildField(raw: RawField, parse: (text: string) => WireType, relation: RelationEnd | undefined): FieldModel {
  return {
    name: raw.name,
    type: parse(raw.type),
    qualifier: raw.qualifier,
    ...('default' in raw ? { default: raw.default } : {}),
    internal: raw.internal ?? false,
    persist: raw.persist ?? true,
    // `subject.roles` and `role.subroles` are listed as relations with themselves: plain sets.
    ...(relation && !(relation.field === raw.name && relation.kind === 'peer') ? { relation } : {}),
    filterName: raw.path?.join('__') ?? raw.name,
  }
}

function buildMessage(cls: ClassModel, raw: RawMessage, parse: (text: string) => WireType): MessageModel {
  const params = raw.params.map((param) => ({
    name: param.name,
    type: parse(param.type),
    optional: 'default' in param,
    ...('default' in param ? { default: param.default } : {}),
  }))
  return {
    class: cls,
    name: raw.name,
    wireName: `${cls.name}.${raw.name}`,
    kind: raw.kind,
    ...(raw.field === undefined ? {} : { field: raw.field }),
    session: raw.session,
    async: raw.async,
    params,
    required: params.filter((param) => !param.optional).length,
    result: parse(raw.result),
    minRole: raw.minRole,
    mapKeyRoles: new Map(Object.entries(raw.mapKeyRoles ?? {})),
    clientCertRole: raw.clientCertRole !== undefined,
    hidden: raw.hidden ?? false,
    removed: raw.lifecycle.state === 'removed',
    poolInternal: raw.poolInternal ?? false,
    secret: raw.secret ?? false,
    emergency: raw.emergency ?? false,
  }
}
