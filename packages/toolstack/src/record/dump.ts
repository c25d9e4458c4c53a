import { isRecord } from '@nixen/core'
import { toolstackErrors } from '../errors.ts'

/** Records of a class by reference, as they came over the wire. */
export type DumpedRecords = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** The inventory of a pool at one moment; docs/reference/toolstack-dump.md describes the file. */
export interface ToolstackDump {
  readonly format: typeof dumpFormat
  readonly version: typeof dumpVersion
  /** When it was recorded, ISO 8601. */
  readonly recorded: string
  readonly source: { readonly product: string; readonly version: string; readonly api: string }
  /** What was left out on purpose, and classes that the pool does not know. */
  readonly notes: readonly string[]
  readonly classes: Readonly<Record<string, DumpedRecords>>
}

export const dumpFormat = 'nixen-toolstack-dump'
/** Raised when old readers would misunderstand a dump. */
export const dumpVersion = 1

/** Classes that only mean something to the host that was recorded. */
export const passingClasses: ReadonlySet<string> = new Set(['session', 'task'])

/** A dump that came from outside. @throws toolstack.bad_dump */
export function parseDump(value: unknown): ToolstackDump {
  if (!isRecord(value) || value['format'] !== dumpFormat) throw bad(`"format" must be "${dumpFormat}"`)
  if (value['version'] !== dumpVersion) throw bad(`version ${JSON.stringify(value['version'])} is not known here`)
  const { classes } = value
  if (!isRecord(classes)) throw bad('"classes" must be an object')
  for (const [cls, records] of Object.entries(classes)) {
    if (!isRecord(records)) throw bad(`"classes.${cls}" must be an object`)
    for (const [ref, record] of Object.entries(records)) {
      if (!isRecord(record)) throw bad(`"classes.${cls}.${ref}" must be an object`)
    }
  }
  // All that the loader uses was checked above; the rest is for people.
  return value as unknown as ToolstackDump
}

/** The text of a dump: one record a line, so that two of them can be compared. */
export function* dumpText({ classes, ...head }: ToolstackDump): Generator<string> {
  yield `${JSON.stringify(head).slice(0, -1)},"classes":{`
  let between = ''
  for (const [cls, records] of Object.entries(classes)) {
    const lines = Object.entries(records).map(([ref, record]) => `${JSON.stringify(ref)}:${recordText(record)}`)
    yield `${between}\n${JSON.stringify(cls)}:{${lines.length > 0 ? `\n${lines.join(',\n')}\n` : ''}}`
    between = ','
  }
  yield '\n}}\n'
}

/** What JSON has no numbers for is text, which the loader reads as XML-RPC writes it. */
function recordText(record: unknown): string {
  return JSON.stringify(record, (_key, value: unknown) => {
    if (typeof value === 'bigint') return String(value)
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
  })
}

function bad(reason: string): Error {
  return toolstackErrors.bad_dump({ reason })
}
