import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { SqliteDialect, type SqliteDatabase, type SqliteStatement } from 'kysely'

/** Statements that are kept prepared; the server has about a hundred different ones. */
const kept = 300

/** kysely on `node:sqlite`. */
export function nodeSqliteDialect(database: DatabaseSync): SqliteDialect {
  return new SqliteDialect({ database: adapt(database) })
}

function adapt(database: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>()
  return {
    close: () => {
      statements.clear()
      database.close()
    },
    prepare: (sql) => {
      const found = statements.get(sql)
      if (found) return found
      const statement = sql === 'rollback' ? rollback(database) : adaptStatement(database.prepare(sql))
      if (statements.size >= kept) statements.clear()
      statements.set(sql, statement)
      return statement
    },
  }
}

/** After some errors (a full disk) SQLite has rolled back by itself; doing it again would hide the error that counts. */
function rollback(database: DatabaseSync): SqliteStatement {
  const run = (): { changes: number; lastInsertRowid: number } => {
    if (database.isTransaction) database.exec('ROLLBACK')
    return { changes: 0, lastInsertRowid: 0 }
  }
  return { reader: false, run, all: () => [], iterate: () => [].values() }
}

function adaptStatement(statement: StatementSync): SqliteStatement {
  // kysely's compiler only puts values of the tables' types here: text, numbers, null and bytes.
  const values = (parameters: readonly unknown[]): SQLInputValue[] => parameters as SQLInputValue[]
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  }
}
