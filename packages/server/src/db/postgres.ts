import { isAppError, messageOf, type Log } from '@nixen/core'
import { Kysely, PostgresDialect, sql } from 'kysely'
import type { PoolClient } from 'pg'
import { serverErrors } from '../errors.ts'
import { migrations as all, type Migration } from './migrations.ts'
import type { Db, Tables } from './tables.ts'

/** Taken by the server that uses a database, so that a second one is refused: `nixen` in ASCII. */
const lockKey = 0x6e_69_78_65_6e

/**
 * Opens the state on PostgreSQL and brings its schema up to date, one transaction for each change.
 *
 * There is one connection, and it holds the lock of the database: transactions are one after the other, exactly as on SQLite, and a
 * connection that was lost and made anew is refused when another server has taken the database in between.
 *
 * @throws server.bad_database, server.database_in_use, server.newer_schema
 */
export async function openPostgres(
  url: string,
  { log, migrations = all }: { readonly log: Log; readonly migrations?: readonly Migration[] },
): Promise<Db> {
  // Loaded only where it is used: most installations keep their state in SQLite.
  const { default: pg } = await import('pg')
  const place = placeOf(url)
  const pool = new pg.Pool({
    connectionString: url,
    max: 1,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: 10_000,
    application_name: 'nixen',
    verify: (client, done) => takeLock(client, place, done),
    types: {
      // Numbers and times are safe integers.
      getTypeParser: (type, format) =>
        type === pg.types.builtins.INT8
          ? (text: string | Buffer) => Number(text)
          : pg.types.getTypeParser(type, format),
    },
  })
  // The next query opens another connection, and says what is wrong if it cannot.
  pool.on('error', (error) => log.warn('the connection to PostgreSQL was lost', { message: error.message }))
  const db = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool }),
  })
  try {
    await migrate(db, place, migrations)
    return db
  } catch (cause) {
    await db.destroy()
    if (isAppError(cause)) throw cause
    throw serverErrors.bad_database({ place, reason: messageOf(cause) }, { cause })
  }
}

/** Where a database is, without the password. */
export function placeOf(url: string): string {
  const parsed = URL.parse(url)
  return parsed ? `${decodeURIComponent(parsed.hostname) || 'localhost'}${parsed.pathname}` : 'database.url'
}

/** Goes with the connection: a server that was killed holds nothing. */
function takeLock(client: PoolClient, place: string, done: (error?: Error) => void): void {
  client.query<{ taken: boolean }>(
    'SELECT pg_try_advisory_lock($1) AS taken',
    [lockKey],
    (error: Error | undefined, result) => {
      if (error) done(error)
      else done(result.rows[0]?.taken === true ? undefined : serverErrors.database_in_use({ place }))
    },
  )
}

async function migrate(db: Db, place: string, migrations: readonly Migration[]): Promise<void> {
  await sql`CREATE TABLE IF NOT EXISTS nixen_schema (version INTEGER NOT NULL)`.execute(db)
  const { rows } = await sql<{ version: number }>`SELECT version FROM nixen_schema`.execute(db)
  const found = rows[0]?.version ?? 0
  if (found > migrations.length) throw serverErrors.newer_schema({ path: place, found, known: migrations.length })
  for (const [index, { statements }] of migrations.entries()) {
    if (index < found) continue
    await db.transaction().execute(async (state) => {
      for (const statement of statements) await sql.raw(statement).execute(state)
      await sql`DELETE FROM nixen_schema`.execute(state)
      await sql`INSERT INTO nixen_schema (version) VALUES (${index + 1})`.execute(state)
    })
  }
}
