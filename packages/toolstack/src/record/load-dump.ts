import { isXapiError } from '@nixen/xapi'
import type { Database } from '../db/database.ts'
import type { StoredRow } from '../db/row-store.ts'
import { toolstackErrors } from '../errors.ts'
import type { ClassModel, FieldModel } from '../model/model.ts'
import { poolRef } from '../pool/pool.ts'
import { decodeParam } from '../wire/decode.ts'
import { passingClasses, type ToolstackDump } from './dump.ts'

/** How many hosts a dump has. */
export function hostsOf(dump: ToolstackDump): number {
  return Object.keys(dump.classes['host'] ?? {}).length
}

/**
 * Fills an empty database from a dump. References and UUIDs stay as they were; hosts get `address`es of this machine, the master the first one.
 *
 * @returns what could not be taken over, for people
 * @throws toolstack.bad_dump when there is no pool with a master in it
 */
export function loadDump(db: Database, dump: ToolstackDump, address: (host: number) => string): readonly string[] {
  const notes = new Notes()
  db.restore(rowsOf(db, dump, notes))
  if (db.count('pool') !== 1)
    throw toolstackErrors.bad_dump({ reason: `it has ${db.count('pool')} pools instead of 1` })
  const { master } = db.get('pool', poolRef(db))
  if (!db.find('host', master)) throw toolstackErrors.bad_dump({ reason: `its pool has a master that is not in it` })
  dropBaseCopies(db)
  moveIn(db, address)
  return notes.all()
}

/** Notes, each once with how often. */
class Notes {
  readonly #counts = new Map<string, number>()

  add(note: string): void {
    this.#counts.set(note, (this.#counts.get(note) ?? 0) + 1)
  }

  all(): readonly string[] {
    return [...this.#counts].map(([note, count]) => (count === 1 ? note : `${note} (${count} times)`))
  }
}

function* rowsOf({ model }: Database, { classes }: ToolstackDump, notes: Notes): Generator<StoredRow> {
  const seen = new Set<string>()
  const decode = recordDecoder(model, notes)
  for (const [name, records] of Object.entries(classes)) {
    const cls = model.classes.get(name)
    if (!cls) notes.add(`Class ${name} is not known here; its objects are left out`)
    if (!cls || passingClasses.has(name)) continue
    for (const [ref, record] of masterFirst(classes, name, Object.entries(records))) {
      if (seen.has(ref)) {
        notes.add(`${name}: reference ${ref} is used twice; the second object is left out`)
        continue
      }
      seen.add(ref)
      yield { ref, cls: name, created: seen.size, modified: seen.size, values: decode(cls, record) }
    }
  }
}

/** The first host is the one that gets the first address, which clients are told. */
function masterFirst<T>(
  classes: ToolstackDump['classes'],
  name: string,
  records: readonly (readonly [string, T])[],
): readonly (readonly [string, T])[] {
  if (name !== 'host') return records
  const masters = new Set(Object.values(classes['pool'] ?? {}).map((pool) => pool['master']))
  return records.toSorted(([a], [b]) => Number(masters.has(b)) - Number(masters.has(a)))
}

type Decode = (cls: ClassModel, record: Readonly<Record<string, unknown>>) => Record<string, unknown>

function recordDecoder(model: Database['model'], notes: Notes): Decode {
  return (cls, record) => {
    const values: Record<string, unknown> = {}
    for (const [name, value] of Object.entries(record)) {
      const field = cls.field.get(name)
      if (!field) notes.add(`Field ${cls.name}.${name} is not known here`)
      // What follows from other rows, and what ended with the recorded host.
      if (!field || field.relation?.kind === 'many' || isPassing(field)) continue
      try {
        const decoded = decodeParam(model, field.type, value, `${cls.name}.${name}`)
        // The values of a relation of many to many are an array of references.
        values[name] = field.relation?.kind === 'peer' ? new Set(decoded as readonly string[]) : decoded
      } catch (error) {
        if (!isXapiError(error)) throw error
        notes.add(
          `${cls.name}.${name} has a value that is not known here (${error.params.join(' ')}); it has its default`,
        )
      }
    }
    return values
  }
}

function isPassing({ name }: FieldModel): boolean {
  return name === 'current_operations'
}

/** Disks are loaded without data, so there is nothing that they could share. */
function dropBaseCopies(db: Database): void {
  for (const { ref, values } of db.rows('VDI')) {
    if (!values.managed) {
      db.remove(ref)
      continue
    }
    const { 'vhd-parent': _parent, ...sm_config } = values.sm_config
    db.update(ref, { sm_config, cbt_enabled: false })
  }
}

/** Gives the hosts addresses of this machine, also where they are part of something else. */
function moveIn(db: Database, address: (host: number) => string): void {
  const moved = new Map<string, string>()
  for (const [i, { ref, values }] of [...db.rows('host')].entries()) {
    moved.set(values.address, address(i))
    for (const pif of values.PIFs) if (db.get('PIF', pif).management) db.update(pif, { IP: address(i) })
    db.update(ref, { address: address(i) })
  }
  for (const { ref, values } of db.rows('console')) {
    const url = URL.parse(values.location)
    const host = url ? moved.get(url.hostname) : undefined
    if (url && host !== undefined) db.update(ref, { location: values.location.replace(url.hostname, host) })
  }
}
