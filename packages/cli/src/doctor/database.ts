import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { messageOf } from '@nixen/core'
import { ok, problem, skipped, warning, type Finding } from './finding.ts'

/** What the database says, beside the findings about it. */
export interface DatabaseReport {
  readonly findings: readonly Finding[]
  /** Settings of the console, by key. */
  readonly settings: ReadonlyMap<string, unknown>
}

const check = 'database'
const restore =
  'Stop Nixen, move db.sqlite, db.sqlite-wal and db.sqlite-shm away together, and put a backup of db.sqlite in their place.'

/** Whether the database is whole, of a schema that this version knows, and its secrets can be opened by the keys that are there. */
export function checkDatabase(
  directory: string,
  { knownSchema, keys }: { readonly knownSchema: number; readonly keys: ReadonlySet<string> | undefined },
): DatabaseReport {
  const path = join(directory, 'db.sqlite')
  if (!existsSync(path)) return { findings: [skipped(check, 'There is no database yet.')], settings: new Map() }
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: 2000 })
    const damage = damageOf(database)
    if (damage !== undefined) {
      return { findings: [problem(check, `${path} is damaged: ${damage}.`, restore)], settings: new Map() }
    }
    const schema = checkSchema(path, numberOf(database, 'user_version'), knownSchema)
    const readable = schema.status === 'problem' ? undefined : database
    const sealed = readable && keys ? [checkSealed(readable, keys)] : []
    return { findings: [schema, ...sealed], settings: readable ? settingsOf(readable) : new Map() }
  } catch (error) {
    const finding = problem(check, `${path} cannot be read (${messageOf(error)}).`, restore)
    return { findings: [finding], settings: new Map() }
  } finally {
    database?.close()
  }
}

function damageOf(database: DatabaseSync): string | undefined {
  const rows = database.prepare('PRAGMA integrity_check(3)').all()
  const lines = rows.map(({ integrity_check: line }) => String(line))
  return lines.length === 1 && lines[0] === 'ok' ? undefined : lines.join('; ').replaceAll(/\s+/g, ' ')
}

function checkSchema(path: string, found: number, known: number): Finding {
  if (found > known) {
    const text = `${path} was written by a newer Nixen (schema ${found}, this one knows ${known}).`
    return problem(check, text, `Install that version again, or restore the copy that was made before the upgrade.`)
  }
  const next = found < known ? ` The next start brings it from schema ${found} to ${known} and keeps a copy.` : ''
  return ok(check, `The database is whole.${next}`)
}

/** Secrets are kept as `v1.KEY.…`; each key must still be there. */
function checkSealed(database: DatabaseSync, keys: ReadonlySet<string>): Finding {
  const sealed = database
    .prepare("SELECT name, password FROM connections UNION ALL SELECT name, totp FROM users WHERE totp LIKE 'v1.%'")
    .all()
  const lost = sealed.filter(({ password }) => {
    const [version, key = ''] = String(password).split('.')
    return version === 'v1' && !keys.has(key)
  })
  if (lost.length === 0) return ok('secrets', 'The master key opens what is sealed.')
  const names = lost.map(({ name }) => String(name)).join(', ')
  return problem(
    'secrets',
    `The secrets of ${names} are sealed with a key that is not in keys/master.key.`,
    'Restore keys/master.key from the backup that belongs to this database, or enter these passwords again: nixen connection update NAME --password-file FILE',
  )
}

function settingsOf(database: DatabaseSync): ReadonlyMap<string, unknown> {
  const rows = database.prepare('SELECT key, value_json FROM settings').all()
  // Written by the server as JSON.
  return new Map(rows.map(({ key, value_json: json }) => [String(key), JSON.parse(String(json)) as unknown]))
}

function numberOf(database: DatabaseSync, pragma: string): number {
  return Number(database.prepare(`PRAGMA ${pragma}`).get()?.[pragma])
}

/** Whether another process holds the state directory, though no server answers. */
export function checkLock(directory: string): Finding {
  const path = join(directory, 'lock')
  if (!existsSync(path)) return ok('lock', 'The state directory is free.')
  let lock: DatabaseSync | undefined
  try {
    lock = new DatabaseSync(path, { readOnly: true, timeout: 0 })
    lock.prepare('SELECT count(*) FROM sqlite_schema').get()
    return ok('lock', 'The state directory is free: no server runs on it.')
  } catch (error) {
    if (!messageOf(error).includes('locked')) {
      return problem(
        'lock',
        `${path} cannot be read (${messageOf(error)}).`,
        `Stop Nixen and remove ${path}; it is made anew.`,
      )
    }
    return warning(
      'lock',
      `A process holds ${directory}, and does not answer on the socket in it.`,
      `If it is starting or stopping, wait. Otherwise find it with "fuser ${path}", end it, and start Nixen again.`,
    )
  } finally {
    lock?.close()
  }
}
