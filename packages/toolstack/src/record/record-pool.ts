import { isRecord, systemClock, type Clock } from '@nixen/core'
import { isXapiError, type Xapi } from '@nixen/xapi'
import { dataModel } from '../model/model.ts'
import { dumpFormat, dumpVersion, passingClasses, type DumpedRecords, type ToolstackDump } from './dump.ts'
import { omissions, withoutSecrets } from './secrets.ts'

/** Limits of a recording, and who watches it. */
export interface RecordOptions {
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock | undefined
  /** Called before each class is read. */
  readonly onClass?: ((cls: string, done: { readonly index: number; readonly total: number }) => void) | undefined
}

/**
 * Records the inventory of a pool: every record of every class, without secrets, sessions and tasks. Nothing is changed there. The classes are read
 * one after another, so a pool that changes meanwhile may leave references to objects that are not in the dump; loading allows for them.
 */
export async function recordPool(xapi: Xapi, options: RecordOptions = {}): Promise<ToolstackDump> {
  const { signal, clock = systemClock, onClass } = options
  const { apiVersion, productBrand, productVersion } = xapi.pool.master
  const notes = [...omissions]
  const classes: Record<string, DumpedRecords> = {}
  const names = recordedClasses()
  for (const [index, cls] of names.entries()) {
    onClass?.(cls, { index, total: names.length })
    const records = await readClass(xapi, cls, signal)
    if (records) classes[cls] = records
    else notes.push(`The pool does not tell its objects of class ${cls}`)
  }
  return {
    format: dumpFormat,
    version: dumpVersion,
    recorded: new Date(clock.now()).toISOString(),
    source: { product: productBrand, version: productVersion, api: `${apiVersion.major}.${apiVersion.minor}` },
    notes,
    classes,
  }
}

function recordedClasses(): string[] {
  const all = [...dataModel().classes.values()]
  const listed = all.filter(({ messages }) =>
    messages.some(({ kind, name, removed }) => !removed && (kind === 'get_all_records' || name === 'get_all_records')),
  )
  return listed.map(({ name }) => name).filter((name) => !passingClasses.has(name))
}

/** All records of a class as they came; `undefined` when the host does not know the class. */
async function readClass(xapi: Xapi, cls: string, signal: AbortSignal | undefined): Promise<DumpedRecords | undefined> {
  try {
    // Without a type the answer is not decoded, so that fields of newer hosts stay as they are.
    const answer = await xapi.call(`${cls}.get_all_records`, [], { session: true, ...(signal ? { signal } : {}) })
    if (!isRecord(answer)) return undefined
    const records = Object.entries(answer).flatMap(([ref, record]) =>
      isRecord(record) ? [[ref, withoutSecrets(cls, record)] as const] : [],
    )
    return Object.fromEntries(records)
  } catch (error) {
    if (isXapiError(error, 'MESSAGE_METHOD_UNKNOWN') || isXapiError(error, 'MESSAGE_REMOVED')) return undefined
    throw error
  }
}
