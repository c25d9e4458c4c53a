import { chmodSync, existsSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isAppError, messageOf } from '@nixen/core'
import { Kysely } from 'kysely'
import { serverErrors } from '../errors.ts'
import { syncPath } from '../state/write-whole.ts'
import { migrations as all, type Migration } from './migrations.ts'
import { nodeSqliteDialect } from './sqlite-dialect.ts'
import type { Db, Tables } from './tables.ts'

/**
 * Opens the state's database and brings its schema up to date. Before a change of the schema the file is copied to
 * `PATH.schema-N`, N being the schema of the copy.
 *
 * Every commit is durable (`synchronous = FULL`): the state is small, and neither the audit log nor a password may go back.
 *
 * @param maxPages no more pages of 4 KiB than this; a bound for the state, and how tests fill a disk
 *
 * @throws server.newer_schema, server.state_unusable
 */
export function openDatabase(
  path: string,
  migrations: readonly Migration[] = all,
  { maxPages }: { readonly maxPages?: number | undefined } = {},
): Db {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path)
    chmodSync(path, 0o600)
    database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000',
    )
    migrate(database, path, migrations)
    if (maxPages !== undefined) database.exec(`PRAGMA max_page_count = ${maxPages}`)
    return new Kysely<Tables>({ dialect: nodeSqliteDialect(database) })
  } catch (cause) {
    database?.close()
    if (isAppError(cause)) throw cause
    throw serverErrors.state_unusable({ path, reason: messageOf(cause) }, { cause })
  }
}

function migrate(database: DatabaseSync, path: string, migrations: readonly Migration[]): void {
  const found = schemaOf(database)
  if (found > migrations.length) throw serverErrors.newer_schema({ path, found, known: migrations.length })
  if (found === migrations.length) return
  if (found > 0) copyTo(database, `${path}.schema-${found}`)
  for (const [index, { statements }] of migrations.entries()) {
    if (index < found) continue
    database.exec('BEGIN IMMEDIATE')
    try {
      for (const statement of statements) database.exec(statement)
      // A pragma takes no parameters; the number is our own.
      database.exec(`PRAGMA user_version = ${index + 1}`)
      database.exec('COMMIT')
    } catch (error) {
      database.exec('ROLLBACK')
      throw error
    }
  }
}

function schemaOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
}

/** A consistent copy of the open database; the name appears when the copy is whole and on disk. */
function copyTo(database: DatabaseSync, target: string): void {
  const part = `${target}.part`
  if (existsSync(part)) rmSync(part)
  database.prepare('VACUUM INTO ?').run(part)
  chmodSync(part, 0o600)
  syncPath(part)
  renameSync(part, target)
  syncPath(dirname(target))
}
