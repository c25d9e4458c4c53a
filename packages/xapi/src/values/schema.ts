import { eventClasses as eventClassText, fieldTables, messageTables } from '../generated/tables.ts'
import { parseType, type XapiType } from './type.ts'

/** Types of one message, in the grammar of the data model. */
export interface MessageTypes {
  readonly params: readonly string[]
  readonly result: string
  /** Whether the session reference is the first parameter on the wire. */
  readonly session: boolean
}

const fieldCache = new Map<string, ReadonlyMap<string, XapiType> | undefined>()
const messageCache = new Map<string, ReadonlyMap<string, MessageTypes>>()

/** Fields of a class in the order of the data model, or `undefined` for a class that it does not know. */
export function fieldsOf(className: string): ReadonlyMap<string, XapiType> | undefined {
  if (!fieldCache.has(className)) fieldCache.set(className, readFields(className))
  return fieldCache.get(className)
}

/** Types of a message (`VM.start`), or `undefined` for one that the data model does not know. */
export function messageTypes(className: string, message: string): MessageTypes | undefined {
  let own = messageCache.get(className)
  if (!own) messageCache.set(className, (own = readMessages(className)))
  return own.get(message) ?? derived(className, message)
}

/** Names of all classes, in the order of the data model. */
export const classNames: readonly string[] = Object.keys(fieldTables).filter((name) => name !== 'event_batch')

/** Names of the classes whose objects come in events, as the data model spells them. */
export const eventClassNames: readonly string[] = eventClassText.split(' ')

const byEventName = new Map(eventClassNames.map((name) => [name.toLowerCase(), name]))

/** The class of the lower-case name in an event (`vm_metrics` → `VM_metrics`); `undefined` for a class newer than the data model. */
export function classOfEvent(name: string): string | undefined {
  return byEventName.get(name.toLowerCase())
}

function readFields(className: string): ReadonlyMap<string, XapiType> | undefined {
  const table = Object.hasOwn(fieldTables, className) ? fieldTables[className] : undefined
  if (table === undefined) return undefined
  const rows = table === '' ? [] : table.split(';')
  return new Map(
    rows.map((row) => {
      const [name = '', type = ''] = row.split(' ')
      return [name, parseType(type)] as const
    }),
  )
}

function readMessages(className: string): ReadonlyMap<string, MessageTypes> {
  const table = Object.hasOwn(messageTables, className) ? messageTables[className] : undefined
  return new Map(
    (table?.split(';') ?? []).map((row) => {
      const [name = '', ...types] = row.split(' ')
      const result = types.pop() ?? 'any'
      return [name.replace('!', ''), { params: types, result, session: !name.startsWith('!') }] as const
    }),
  )
}

/** Messages that every class has by its fields; checked against the data model by a test. */
function derived(className: string, message: string): MessageTypes | undefined {
  const self = `ref:${className}`
  const make = (result: string, ...params: readonly string[]): MessageTypes => ({ params, result, session: true })
  switch (message) {
    case 'create':
      return make(self, `record:${className}`)
    case 'destroy':
      return make('void', self)
    case 'get_record':
      return make(`record:${className}`, self)
    case 'get_by_uuid':
      return make(self, 'string')
    case 'get_by_name_label':
      return make(`set(${self})`, 'string')
    case 'get_all':
      return make(`set(${self})`)
    case 'get_all_where':
      return make(`set(${self})`, 'string')
    case 'get_all_records':
      return make(`map(${self},record:${className})`)
    case 'get_all_records_where':
      return make(`map(${self},record:${className})`, 'string')
  }
  return accessor(className, message, make)
}

function accessor(
  className: string,
  message: string,
  make: (result: string, ...params: readonly string[]) => MessageTypes,
): MessageTypes | undefined {
  const match = /^(get_|set_|add_to_|remove_from_|add_|remove_)(.+)$/.exec(message)
  const type = fieldsOf(className)?.get(match?.[2] ?? '')
  if (!match || !type) return undefined
  const self = `ref:${className}`
  const verb = match[1]
  if (verb === 'get_') return make(typeText(type), self)
  if (verb === 'set_') return make('void', self, typeText(type))
  if (type.kind === 'set' && (verb === 'add_' || verb === 'remove_')) return make('void', self, typeText(type.of))
  if (type.kind !== 'map') return undefined
  if (verb === 'add_to_') return make('void', self, typeText(type.key), typeText(type.value))
  return verb === 'remove_from_' ? make('void', self, typeText(type.key)) : undefined
}

/** The text form of a type, the inverse of `parseType`. */
export function typeText(type: XapiType): string {
  switch (type.kind) {
    case 'enum':
      return `enum:${type.name}`
    case 'ref':
    case 'record':
      return `${type.kind}:${type.class}`
    case 'set':
    case 'option':
      return `${type.kind}(${typeText(type.of)})`
    case 'map':
      return `map(${typeText(type.key)},${typeText(type.value)})`
    case 'string':
    case 'int':
    case 'float':
    case 'bool':
    case 'datetime':
    case 'void':
    case 'any':
      return type.kind
  }
}
