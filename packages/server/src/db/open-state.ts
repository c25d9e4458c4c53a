import { silentLog, type Log } from '@nixen/core'
import { openDatabase } from './database.ts'
import { openPostgres } from './postgres.ts'
import type { Db } from './tables.ts'

export interface OpenStateOptions {
  /** The file of SQLite. */
  readonly path: string
  /** `postgres://…`, the setting `database.url`; empty for SQLite. */
  readonly url?: string | undefined
  /** See {@link openDatabase}. */
  readonly maxPages?: number | undefined
  readonly log?: Log | undefined
}

/**
 * Opens Nixen's own state where the settings say that it is, its schema up to date.
 *
 * @throws server.state_unusable, server.newer_schema, server.bad_database, server.database_in_use
 */
export async function openState({ path, url = '', maxPages, log = silentLog }: OpenStateOptions): Promise<Db> {
  return url === '' ? openDatabase(path, undefined, { maxPages }) : await openPostgres(url, { log })
}
