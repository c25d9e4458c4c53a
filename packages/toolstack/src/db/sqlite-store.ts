import { DatabaseSync } from 'node:sqlite'
import { messageOf } from '@nixen/core'
import { toolstackErrors } from '../errors.ts'
import type { MutableRow } from './row.ts'
import type { RowStore, StoredRow } from './row-store.ts'

/** Layout of the tables below; larger ones come from newer versions. */
const layout = 1

/** What sets notes apart from the other entries of the table. */
const notePrefix = 'note:'

/** Keeps rows in an SQLite file: one table row an object, its fields as JSON. Write-ahead log; a killed process loses nothing that was written. */
export function openSqliteStore(path: string): RowStore {
  const db = openDatabase(path)
  const put = db.prepare(
    `INSERT INTO object (ref, class, created, modified, fields) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (ref) DO UPDATE SET modified = excluded.modified, fields = excluded.fields`,
  )
  const drop = db.prepare('DELETE FROM object WHERE ref = ?')
  const setMeta = db.prepare(
    'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
  )
  const dropMeta = db.prepare('DELETE FROM meta WHERE key = ?')
  return {
    *read() {
      const all = db.prepare('SELECT ref, class AS cls, created, modified, fields FROM object ORDER BY created')
      // The columns are declared NOT NULL with these types.
      for (const row of all.iterate() as Iterable<Omit<StoredRow, 'values'> & { fields: string }>) {
        yield { ...row, values: parseFields(row.fields) }
      }
    },
    generation: () => Number(db.prepare("SELECT value FROM meta WHERE key = 'generation'").get()?.['value'] ?? 0),
    notes() {
      const all = db.prepare("SELECT key, value FROM meta WHERE key LIKE 'note:%'").all()
      return new Map(all.map(({ key, value }) => [String(key).slice(notePrefix.length), String(value)]))
    },
    write({ rows, removed, generation, notes = new Map() }) {
      db.exec('BEGIN IMMEDIATE')
      try {
        for (const ref of removed) drop.run(ref)
        for (const row of rows) put.run(row.ref, row.cls.name, row.created, row.modified, fieldsJson(row))
        for (const [key, value] of notes) {
          if (value === undefined) dropMeta.run(notePrefix + key)
          else setMeta.run(notePrefix + key, value)
        }
        setMeta.run('generation', String(generation))
        db.exec('COMMIT')
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK')
        throw error
      }
    },
    // The log is synchronized with the database file only when it is copied there.
    flush: () => db.exec('PRAGMA wal_checkpoint(FULL)'),
    close: () => db.close(),
  }
}

function openDatabase(path: string): DatabaseSync {
  try {
    const db = new DatabaseSync(path)
    db.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS object (
        ref TEXT PRIMARY KEY, class TEXT NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL, fields TEXT NOT NULL
      ) STRICT;
      INSERT OR IGNORE INTO meta (key, value) VALUES ('layout', '${layout}');
    `)
    const found = Number(db.prepare("SELECT value FROM meta WHERE key = 'layout'").get()?.['value'])
    if (found > layout) throw toolstackErrors.state_newer({ path, found, known: layout })
    return db
  } catch (error) {
    if (error instanceof Error && error.name === 'AppError') throw error
    throw toolstackErrors.state_unreadable({ path, reason: messageOf(error) }, { cause: error })
  }
}

/** The stored fields: all but what is computed from the other side of a relation, and the operations under way, which end with the process. */
function fieldsJson(row: MutableRow): string {
  const kept: Record<string, unknown> = {}
  for (const { name, relation } of row.cls.fields) {
    if (relation?.kind === 'many' || name === 'current_operations') continue
    const value = row.values[name]
    kept[name] = value instanceof Set ? { $set: [...value] } : value
  }
  return JSON.stringify(kept, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? { $float: String(value) } : value,
  )
}

function parseFields(json: string): Record<string, unknown> {
  return JSON.parse(json, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value
    if ('$float' in value) return Number(value.$float)
    return '$set' in value ? new Set(value.$set as Iterable<string>) : value
  }) as Record<string, unknown>
}
