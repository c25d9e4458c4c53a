import type { ClassModel, Field, Message, Model, Overrides, Parameter } from './model.ts'
import { doc, identifier, pascal } from './names.ts'
import { isConstructible, usesWord } from './records.ts'
import type { Releases } from './releases.ts'
import { fieldType, tsType } from './types.ts'

interface Context {
  readonly overrides: Overrides
  readonly releases: Releases
}

/** `messages.ts`: the messages of each class as methods; those that also run as a task in an interface of their own. */
export function generateMessages(model: Model, overrides: Overrides, releases: Releases): string {
  const texts: string[] = []
  const index: string[] = []
  const asyncIndex: string[] = []
  for (const type of model.classes) {
    const messages = type.messages.filter(({ lifecycle }) => !releases.gone(lifecycle))
    const asyncs = messages.filter((message) => message.async)
    const name = pascal(type.name)
    if (messages.length === 0) continue
    if (asyncs.length > 0) {
      texts.push(contract(`${name}AsyncMessages`, type, { messages: asyncs, overrides, releases }))
      asyncIndex.push(`  readonly ${type.name}: ${name}AsyncMessages\n`)
    }
    const rest = messages.filter((message) => !message.async)
    const parent = asyncs.length > 0 ? ` extends ${name}AsyncMessages` : ''
    texts.push(contract(`${name}Messages${parent}`, type, { messages: rest, overrides, releases }))
    index.push(`  readonly ${type.name}: ${name}Messages\n`)
  }
  return `${imports(model, texts)}
${texts.join('\n')}
/** The messages of each class. */
export interface Messages {
${index.join('')}}

/** The messages that \`Async.\` runs as a task, by class. */
export interface AsyncMessages {
${asyncIndex.join('')}}
`
}

function imports(model: Model, texts: readonly string[]): string {
  const enums = ['Open', ...model.enums.map(({ name }) => pascal(name))].filter((name) => usesWord(texts, name))
  const records = model.classes
    .flatMap((type) => [`${pascal(type.name)}Record`, ...(isConstructible(type) ? [`${pascal(type.name)}Create`] : [])])
    .filter((name) => usesWord(texts, name))
  return `import type { EventBatch, XapiEvent } from '../values/event.ts'
import type { EpochMs, Ref } from '../values/ref.ts'
import type { ${enums.join(', ')} } from './enums.ts'
import type { ${records.join(', ')} } from './records.ts'
`
}

function contract(
  name: string,
  type: ClassModel,
  { messages, ...context }: Context & { messages: readonly Message[] },
): string {
  const methods = messages.map((message) => {
    const params = message.params.map((param, index) => parameter(type, { message, param, index }, context))
    return `${messageDoc(message, context.releases)}  ${message.name}(${params.join(', ')}): ${result(type, message, context)}\n`
  })
  return `export interface ${name} {\n${methods.join('')}}\n`
}

function parameter(
  type: ClassModel,
  { message, param, index }: { message: Message; param: Parameter; index: number },
  { overrides }: Context,
): string {
  const optional = 'default' in param
  const field = message.kind === 'field-set' && index === 1 ? fieldOf(type, message) : undefined
  const path = `${type.name}.${message.name}.${param.name}`
  const nullable =
    optional || (index > 0 && message.name.startsWith('set_')) || overrides.nullableParameters.parameters.includes(path)
  const text = field
    ? fieldType(type.name, field, { direction: 'sent', overrides })
    : tsType(param.type, { direction: 'sent', nullable })
  return `${identifier(param.name)}${optional ? '?' : ''}: ${text}`
}

function result(type: ClassModel, message: Message, { overrides }: Context): string {
  const text = overrides.resultTypes[`${type.name}.${message.name}`] ?? message.result
  const field = message.kind === 'field-get' ? fieldOf(type, message) : undefined
  if (field) return fieldType(type.name, field, { direction: 'received', overrides })
  // Messages that make or find an object answer with one; a null reference would be an error of the host.
  return tsType(text, { direction: 'received' })
}

function fieldOf(type: ClassModel, message: Message): Field | undefined {
  return type.fields.find(({ name }) => name === message.field)
}

function messageDoc(message: Message, releases: Releases): string {
  // What follows from a field is documented at the field.
  const own = message.kind === 'custom' || message.kind === 'create' || message.kind === 'destroy'
  const role = own && message.minRole !== undefined ? `Role ${message.minRole}.` : ''
  const internal = message.poolInternal
    ? ' Only between members of a pool.'
    : message.hidden && own
      ? ' Undocumented by upstream.'
      : ''
  const errors = message.errors.length > 0 ? ` Errors: ${message.errors.join(', ')}.` : ''
  const since = own ? releases.since(message.lifecycle) : ''
  return doc('  ', role, internal, errors, since, releases.deprecated(message.lifecycle))
}
