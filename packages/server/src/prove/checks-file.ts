import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { RepositoryId } from '@nixen/api'
import { messageOf, type Log } from '@nixen/core'
import type { CheckRecord } from './check-record.ts'

/** Another number when the form of records changes: the file is then made anew from the repositories. */
const schema = 1

/** A note that is known: a health check, or something that is none (`undefined`). */
export interface KnownNote {
  readonly repository: RepositoryId
  readonly name: string
  readonly check: CheckRecord | undefined
}

/** Health checks on disk, so that a start need not read every note of every repository. It only repeats what they say. */
export class ChecksFile implements Disposable {
  readonly #log: Log
  #database: DatabaseSync | undefined

  constructor(path: string, log: Log) {
    this.#log = log
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    try {
      this.#database = openFile(path)
    } catch (error) {
      this.#giveUp(error)
    }
  }

  load(): KnownNote[] {
    try {
      const rows = this.#database?.prepare('SELECT repository, name, check_json FROM notes').all() ?? []
      return rows.map((row) => ({
        // Written below.
        repository: row['repository'] as RepositoryId,
        name: String(row['name']),
        check: row['check_json'] === null ? undefined : (JSON.parse(String(row['check_json'])) as CheckRecord),
      }))
    } catch (error) {
      this.#giveUp(error)
      return []
    }
  }

  change(
    repository: RepositoryId,
    { added, removed }: { added: readonly Omit<KnownNote, 'repository'>[]; removed: readonly string[] },
  ): void {
    const database = this.#database
    if (!database) return
    try {
      database.exec('BEGIN')
      const insert = database.prepare('INSERT OR REPLACE INTO notes VALUES (?, ?, ?)')
      for (const { name, check } of added) insert.run(repository, name, check ? JSON.stringify(check) : null)
      const remove = database.prepare('DELETE FROM notes WHERE repository = ? AND name = ?')
      for (const name of removed) remove.run(repository, name)
      database.exec('COMMIT')
    } catch (error) {
      this.#giveUp(error)
    }
  }

  [Symbol.dispose](): void {
    this.#database?.close()
    this.#database = undefined
  }

  /** Without it everything is read from the repositories at each start. */
  #giveUp(error: unknown): void {
    this.#log.warn('there is no cache of health checks', { reason: messageOf(error) })
    this.#database?.close()
    this.#database = undefined
  }
}

function openFile(path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  try {
    // What a power cut takes is read again.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF')
    const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
    if (found !== schema) {
      database.exec('DROP TABLE IF EXISTS notes')
      database.exec(
        'CREATE TABLE notes (repository TEXT NOT NULL, name TEXT NOT NULL, check_json TEXT, PRIMARY KEY (repository, name)) WITHOUT ROWID',
      )
      database.exec(`PRAGMA user_version = ${schema}`)
    }
    return database
  } catch (error) {
    database.close()
    throw error
  }
}
