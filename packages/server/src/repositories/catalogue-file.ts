import { mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { RepositoryId } from '@nixen/api'
import { messageOf, type Log } from '@nixen/core'
import type { PointRecord } from '../worker/point-record.ts'

/** Another number when the form of records changes: the file is then made anew from the repositories. */
const schema = 1

/** The catalogue on disk, so that a start need not list every repository. It only repeats what they say: one that cannot be read is thrown away. */
export class CatalogueFile implements Disposable {
  readonly #path: string
  readonly #log: Log
  #database: DatabaseSync | undefined

  constructor(path: string, log: Log) {
    this.#path = path
    this.#log = log
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    try {
      this.#database = openFile(path)
    } catch (error) {
      this.#throwAway(error)
    }
  }

  /** Everything that is in it. */
  load(): { readonly repository: RepositoryId; readonly record: PointRecord }[] {
    try {
      const rows = this.#database?.prepare('SELECT repository, record_json FROM points').all() ?? []
      return rows.map((row) => ({
        // Written below.
        repository: row['repository'] as RepositoryId,
        record: JSON.parse(String(row['record_json'])) as PointRecord,
      }))
    } catch (error) {
      this.#throwAway(error)
      return []
    }
  }

  /** Takes a change of one repository down. A failure costs only time at the next start. */
  change(
    repository: RepositoryId,
    { added = [], removed = [] }: { readonly added?: readonly PointRecord[]; readonly removed?: Iterable<string> },
  ): void {
    const database = this.#database
    if (!database) return
    try {
      database.exec('BEGIN')
      const insert = database.prepare('INSERT OR REPLACE INTO points VALUES (?, ?, ?)')
      for (const record of added) insert.run(repository, record.snapshot, JSON.stringify(record))
      const remove = database.prepare('DELETE FROM points WHERE repository = ? AND snapshot = ?')
      for (const snapshot of removed) remove.run(repository, snapshot)
      database.exec('COMMIT')
    } catch (error) {
      this.#throwAway(error)
    }
  }

  [Symbol.dispose](): void {
    this.#database?.close()
    this.#database = undefined
  }

  #throwAway(error: unknown): void {
    this.#log.warn('the cache of restore points is made anew', { path: this.#path, reason: messageOf(error) })
    this.#database?.close()
    this.#database = undefined
    try {
      for (const suffix of ['', '-wal', '-shm']) rmSync(this.#path + suffix, { force: true })
      this.#database = openFile(this.#path)
    } catch (again) {
      this.#log.warn('there is no cache of restore points', { path: this.#path, reason: messageOf(again) })
    }
  }
}

function openFile(path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  try {
    // What a power cut takes is listed again.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF')
    const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
    if (found !== schema) {
      database.exec('DROP TABLE IF EXISTS points')
      database.exec(
        'CREATE TABLE points (repository TEXT NOT NULL, snapshot TEXT NOT NULL, record_json TEXT NOT NULL, PRIMARY KEY (repository, snapshot)) WITHOUT ROWID',
      )
      database.exec(`PRAGMA user_version = ${schema}`)
    }
    return database
  } catch (error) {
    database.close()
    throw error
  }
}
