import { readFileSync } from 'node:fs'

interface ModelField {
  readonly name: string
  readonly type: string
  readonly default?: unknown
  readonly internal?: boolean
}

interface ModelClass {
  readonly name: string
  readonly inDatabase: boolean
  readonly fields: readonly ModelField[]
  readonly messages: readonly { readonly name: string }[]
}

interface Model {
  readonly classes: readonly ModelClass[]
  readonly enums: readonly { readonly name: string; readonly values: readonly (string | { readonly name: string })[] }[]
}

let loaded: Model | undefined

/** The data model of the API, read once from the client's data set. */
export function model(): Model {
  // The file's layout is described beside it and checked by its own tests.
  loaded ??= JSON.parse(readFileSync(new URL('../../../xapi/data/xenapi.json', import.meta.url), 'utf8')) as Model
  return loaded
}

/** Names of the methods a host answers, `Class.message`. */
export function methodNames(): string[] {
  return model().classes.flatMap(({ name, messages }) => messages.map((message) => `${name}.${message.name}`))
}

/** A record of `className` in which every field has a value of its type. */
export function blankRecord(className: string): Record<string, unknown> {
  const found = model().classes.find(({ name }) => name === className)
  if (!found) throw new RangeError(`no class ${className}`)
  return Object.fromEntries(
    found.fields.filter(({ internal }) => !internal).map((field) => [field.name, field.default ?? blank(field.type)]),
  )
}

function blank(type: string): unknown {
  if (type === 'int' || type === 'float') return 0
  if (type === 'bool') return false
  if (type === 'datetime') return '19700101T00:00:00Z'
  if (type.startsWith('set(')) return []
  if (type.startsWith('map(') || type.startsWith('record:')) return {}
  if (type.startsWith('ref:')) return 'OpaqueRef:NULL'
  if (type.startsWith('enum:')) return firstOf(type.slice('enum:'.length))
  return ''
}

function firstOf(enumName: string): string {
  const first = model().enums.find(({ name }) => name === enumName)?.values[0]
  return typeof first === 'object' ? first.name : (first ?? '')
}
