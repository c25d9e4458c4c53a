import type { ClassModel, Field, Model, Overrides } from './model.ts'
import { doc, pascal } from './names.ts'
import type { Releases } from './releases.ts'
import { fieldType } from './types.ts'

/** `enums.ts`: every enumeration as a union of what can be sent. */
export function generateEnums(model: Model): string {
  const lines = model.enums.map(({ name, values }) => {
    const union = values.map((value) => `'${value}'`).join(' | ')
    return `export type ${pascal(name)} = ${union || 'never'}\n`
  })
  return `/** A value of an enumeration as a host sends it: a newer host may send one that is not listed. */
export type Open<T extends string> = T | (string & {})

${lines.join('')}`
}

/** `records.ts`: the record of each class, and what its `create` takes. */
export function generateRecords(model: Model, overrides: Overrides, releases: Releases): string {
  // The record of an event is written by hand, as it depends on the event's class.
  const classes = model.classes.filter(({ name, fields }) => fields.length > 0 && name !== 'event')
  const records = classes.map((type) => record(type, { overrides, releases }))
  const creates = classes.filter(isConstructible).map((type) => create(type, { overrides, releases }))
  const index = classes.map(({ name }) => `  readonly ${name}: ${pascal(name)}Record\n`)
  const events = model.classes.filter(({ genEvents }) => genEvents).map(({ name }) => `'${name}'`)
  const enums = model.enums.map(({ name }) => pascal(name)).filter((name) => usesWord([...records, ...creates], name))
  return `import type { EpochMs, Ref } from '../values/ref.ts'
import type { ${['Open', ...enums].join(', ')} } from './enums.ts'

${records.join('\n')}
${creates.join('\n')}
/** The record of each class by the name of the class. */
export interface Records {
${index.join('')}}

/** Every class of the data model. */
export type ClassName = ${model.classes.map(({ name }) => `'${name}'`).join(' | ')}

/** Classes whose objects come in events. */
export type EventClassName = ${events.join(' | ')}
`
}

export function usesWord(texts: readonly string[], word: string): boolean {
  const pattern = new RegExp(`\\b${word}\\b`)
  return texts.some((text) => pattern.test(text))
}

export function isConstructible(type: ClassModel): boolean {
  return type.messages.some(({ kind }) => kind === 'create')
}

interface Context {
  readonly overrides: Overrides
  readonly releases: Releases
}

function record(type: ClassModel, { overrides, releases }: Context): string {
  const fields = type.fields
    .filter(({ internal }) => !internal)
    .map((field) => {
      const absent = releases.maybeAbsent(field.lifecycle, type.lifecycle) || field.type.startsWith('option(')
      const text = fieldType(type.name, field, { direction: 'received', overrides })
      return `${fieldDoc(field, releases)}  readonly ${field.name}${absent ? '?' : ''}: ${text}\n`
    })
  const about = [
    `Record of class \`${type.name}\`.`,
    releases.since(type.lifecycle),
    releases.deprecated(type.lifecycle),
  ]
  return `${doc('', ...about)}export interface ${pascal(type.name)}Record {\n${fields.join('')}}\n`
}

/** What \`create\` takes: fields that are set at creation or can be written; those with a default may be left out. */
function create(type: ClassModel, { overrides, releases }: Context): string {
  const fields = type.fields
    .filter(({ internal, qualifier }) => !internal && qualifier !== 'DynamicRO')
    .map((field) => {
      const optional = 'default' in field || releases.maybeAbsent(field.lifecycle, type.lifecycle)
      const text = fieldType(type.name, field, { direction: 'sent', overrides })
      return `  readonly ${field.name}${optional ? '?' : ''}: ${text}${optional ? ' | undefined' : ''}\n`
    })
  return `/** What \`${type.name}.create\` takes. */\nexport interface ${pascal(type.name)}Create {\n${fields.join('')}}\n`
}

function fieldDoc(field: Field, releases: Releases): string {
  const written = field.qualifier === 'RW' ? ` Can be set by ${field.setterRole ?? 'pool-admin'}.` : ''
  const once = field.qualifier === 'StaticRO' ? ' Set at creation.' : ''
  return doc('  ', written, once, releases.since(field.lifecycle), releases.deprecated(field.lifecycle))
}
