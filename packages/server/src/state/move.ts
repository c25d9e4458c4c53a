import { existsSync } from 'node:fs'
import type { AuditVerdict } from '@nixen/api'
import { isAppError, messageOf, silentLog, systemClock } from '@nixen/core'
import { AuditLog } from '../audit/audit-log.ts'
import { copyTable, digestOf, firstWithRows, tableNames } from '../db/copy-tables.ts'
import { openDatabase } from '../db/database.ts'
import { openPostgres, placeOf } from '../db/postgres.ts'
import type { Db } from '../db/tables.ts'
import { serverErrors } from '../errors.ts'
import { openStateDirectory } from './state-directory.ts'

/** What was moved. */
export interface MovedState {
  /** Where it is now, without the password. */
  readonly place: string
  /** Rows of each table. */
  readonly tables: Readonly<Record<string, number>>
  /** Of the audit log in the new place. */
  readonly audit: AuditVerdict
}

export interface MoveStateOptions {
  /** The setting `database.url` of the server: only a state in SQLite is moved. */
  readonly databaseUrl?: string | undefined
  /** `postgres://…`, an empty database. */
  readonly to: string
}

/**
 * Copies the state of a stopped server from SQLite to a database of PostgreSQL. All of it is there, or nothing: it is one transaction, at whose
 * end every table is read back and compared, and the chain of the audit log is followed. The file of SQLite stays as it is.
 *
 * @throws server.state_in_use, state_unusable, newer_schema, bad_database, database_in_use, database_not_empty, move_damaged, moved_already
 */
export async function moveState(stateDir: string, { databaseUrl = '', to }: MoveStateOptions): Promise<MovedState> {
  if (databaseUrl !== '') throw serverErrors.moved_already({ place: placeOf(databaseUrl) })
  using state = openStateDirectory(stateDir)
  if (!existsSync(state.database)) {
    throw serverErrors.state_unusable({ path: state.database, reason: 'there is no such file' })
  }
  const from = openDatabase(state.database)
  try {
    const place = placeOf(to)
    if (!/^postgres(ql)?:$/.test(URL.parse(to)?.protocol ?? '')) {
      throw serverErrors.bad_database({ place, reason: 'its address is not like postgres://user@host/database' })
    }
    const target = await openPostgres(to, { log: silentLog })
    try {
      return { place, ...(await moveTables(from, target, place)) }
    } finally {
      await target.destroy()
    }
  } finally {
    await from.destroy()
  }
}

/** Copies all tables in one transaction. @throws server.database_not_empty, move_damaged, bad_database */
export async function moveTables(from: Db, to: Db, place: string): Promise<Omit<MovedState, 'place'>> {
  const before = await new AuditLog(from, systemClock).verify()
  if (!before.ok) throw serverErrors.move_damaged({ place, what: `the audit log, from entry ${before.brokenAt} on` })
  try {
    return await to.transaction().execute(async (target) => {
      const taken = await firstWithRows(target)
      if (taken !== undefined) throw serverErrors.database_not_empty({ place, table: taken })
      const tables: Record<string, number> = {}
      for (const name of tableNames) {
        const sent = await copyTable(from, target, name)
        const found = await digestOf(target, name)
        if (found.rows !== sent.rows || found.sum !== sent.sum) throw serverErrors.move_damaged({ place, what: name })
        tables[name] = sent.rows
      }
      const audit = await new AuditLog(target, systemClock).verify()
      if (!audit.ok || audit.head !== before.head) throw serverErrors.move_damaged({ place, what: 'the audit log' })
      return { tables, audit }
    })
  } catch (cause) {
    if (isAppError(cause)) throw cause
    throw serverErrors.bad_database({ place, reason: messageOf(cause) }, { cause })
  }
}
