import type { ClassModel, Message, Model, Overrides } from './model.ts'

/**
 * `tables.ts`: what the codecs and callers need at run time, as text that is only parsed for the classes that are used. Messages that follow
 * from the fields (`get_power_state`, `get_all_records`, …) are not listed; src/values/schema.ts derives them.
 */
export function generateTables(model: Model, overrides: Overrides): string {
  const fields: string[] = []
  const messages: string[] = []
  for (const type of model.classes) {
    fields.push(`  ${type.name}: '${fieldTable(type, overrides)}',`)
    const own = type.messages
      .filter(({ kind }) => kind === 'custom')
      .map((message) => messageRow(type, message, overrides))
    if (own.length > 0) messages.push(`  ${type.name}: '${own.join(';')}',`)
  }
  for (const name of ['event_batch'] as const) fields.push(`  ${name}: '${rows(overrides.extraClasses[name])}',`)
  const events = model.classes.filter(({ genEvents }) => genEvents).map(({ name }) => name)
  return `/** Fields of each class that a host sends: \`name type;…\`. */
export const fieldTables: Readonly<Record<string, string>> = {
${fields.join('\n')}
}

/** Messages that don't follow from the fields: \`name parameter-type… result-type;…\`. \`!\` before the name: takes no session. */
export const messageTables: Readonly<Record<string, string>> = {
${messages.join('\n')}
}

/** Classes whose objects appear in \`event.from\`. */
export const eventClasses = '${events.join(' ')}'
`
}

function fieldTable(type: ClassModel, overrides: Overrides): string {
  if (type.name === 'event') return rows(overrides.fieldTypes.event)
  const sent = type.fields.filter(({ internal }) => !internal)
  return rows(Object.fromEntries(sent.map((field) => [field.name, field.type])))
}

function rows(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, type]) => `${name} ${type}`)
    .join(';')
}

function messageRow(type: ClassModel, message: Message, overrides: Overrides): string {
  const result = overrides.resultTypes[`${type.name}.${message.name}`] ?? message.result
  return [(message.session ? '' : '!') + message.name, ...message.params.map((param) => param.type), result].join(' ')
}
