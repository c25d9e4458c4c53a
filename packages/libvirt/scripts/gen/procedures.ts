import { procedureName, typeName, type ProcedureEntry, type Protocol } from './model.ts'

/** The table of the procedures that can be called. */
export function generateProcedures(protocol: Protocol, chosen: readonly ProcedureEntry[]): string {
  const uses = new Set<string>()
  const rows = chosen.map((entry) => {
    const codec = (name: string | null): string => {
      if (name === null) return 'undefined'
      uses.add(typeName(name))
      return `t.${typeName(name)}`
    }
    const stream = entry.readstream ? `, 'read'` : entry.writestream ? `, 'write'` : ''
    return `  ${procedureName(entry)}: procedure([${programOf(protocol, entry)}, ${entry.number}], '${entry.name}', ${codec(entry.args)}, ${codec(entry.ret)}${stream}),`
  })
  return `import { procedure } from '../wire/procedure.ts'
import * as t from './types.ts'

/** What can be called, by name. */
export const procedures = {
${rows.join('\n')}
} as const
`
}

/** The events that a daemon may send. */
export function generateEvents(protocol: Protocol, events: readonly ProcedureEntry[]): string {
  const rows = events.map(
    (entry) =>
      `  ${procedureName(entry)}: event([${programOf(protocol, entry)}, ${entry.number}], '${entry.name}', ${entry.msg ? `t.${typeName(entry.msg)}` : 'undefined'}),`,
  )
  return `import { event } from '../wire/procedure.ts'
import * as t from './types.ts'

/** What a daemon sends without being asked again, by name. */
export const events = {
${rows.join('\n')}
} as const
`
}

function programOf({ programs }: Protocol, { program }: ProcedureEntry): string {
  const found = programs.find(({ name }) => name === program)
  if (!found) throw new Error(`protocol.json has no program ${program}`)
  return found.hex
}
