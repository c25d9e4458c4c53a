import { createHash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isAppError, isRecord, messageOf } from '@nixen/core'
import { ConnectionStore } from '../connections/connection-store.ts'
import { openDatabase } from '../db/database.ts'
import { migrations } from '../db/migrations.ts'
import { placeOf } from '../db/postgres.ts'
import { serverErrors } from '../errors.ts'
import { openVault } from '../keys/master-key.ts'
import { openStateDirectory } from './state-directory.ts'
import { syncPath, writeWhole } from './write-whole.ts'

/** What a backup of the state holds; `nixen-state.json` in it. */
export interface StateBackup {
  readonly format: 'nixen-state-1'
  /** Number of the schema of the database. */
  readonly schema: number
  /** Epoch milliseconds. */
  readonly created: number
  /** SHA-256 of each file, by its path in the backup. */
  readonly files: Readonly<Record<string, string>>
}

export interface BackupStateOptions {
  /** The setting `database.url` of the server. */
  readonly databaseUrl?: string | undefined
  /** Epoch milliseconds. */
  readonly now: number
}

const manifestName = 'nixen-state.json'

/**
 * Copies the state of a server, running or not, to a new directory: the database as of one moment, the keys and the certificates. The
 * directory gets its name when everything in it is on disk and was checked (the database's integrity, and that its secrets open with the
 * keys). Whoever has it has all secrets: it is for its owner alone.
 *
 * @throws server.state_unusable, server.backup_exists, server.backup_elsewhere, server.backup_damaged
 */
export async function backupState(
  stateDir: string,
  to: string,
  { databaseUrl = '', now }: BackupStateOptions,
): Promise<StateBackup> {
  const [from, target] = [resolve(stateDir), resolve(to)]
  const database = join(from, 'db.sqlite')
  if (databaseUrl !== '') throw serverErrors.backup_elsewhere({ place: placeOf(databaseUrl), keys: join(from, 'keys') })
  if (!existsSync(database)) throw serverErrors.state_unusable({ path: database, reason: 'there is no such file' })
  if (existsSync(target)) throw serverErrors.backup_exists({ path: target })
  const part = `${target}.part`
  rmSync(part, { recursive: true, force: true })
  try {
    copyState(from, part)
    await checkState(part)
    // Made when the server is older than this program: the copy has this one's schema now, and that is the one that counts.
    for (const name of readdirSync(part)) if (name.startsWith('db.sqlite.')) rmSync(join(part, name))
    const manifest = describe(part, now)
    writeWhole(join(part, manifestName), `${JSON.stringify(manifest, undefined, 2)}\n`)
    for (const folder of ['keys', 'tls', '']) syncPath(join(part, folder))
    renameSync(part, target)
    syncPath(dirname(target))
    return manifest
  } catch (cause) {
    rmSync(part, { recursive: true, force: true })
    if (isAppError(cause)) throw cause
    throw serverErrors.state_unusable({ path: target, reason: messageOf(cause) }, { cause })
  }
}

/**
 * Makes a state directory from a backup. What was there before is not touched: it has to be a new directory, or an empty one.
 *
 * @throws server.backup_damaged, server.newer_schema, server.state_exists, server.state_in_use
 */
export async function restoreState(from: string, stateDir: string): Promise<StateBackup> {
  const source = resolve(from)
  const manifest = checkBackup(source)
  if (existsSync(join(stateDir, 'db.sqlite'))) throw serverErrors.state_exists({ path: resolve(stateDir) })
  using state = openStateDirectory(stateDir)
  for (const path of Object.keys(manifest.files)) {
    // The database comes last: a state directory without one is no state yet.
    if (path !== 'db.sqlite') copyDurably(join(source, path), join(state.path, path))
  }
  copyDurably(join(source, 'db.sqlite'), state.database)
  await checkState(state.path)
  return manifest
}

function copyState(from: string, to: string): void {
  for (const folder of ['', 'keys', 'tls']) mkdirSync(join(to, folder), { recursive: true, mode: 0o700 })
  const key = join(from, 'keys/master.key')
  for (;;) {
    const before = readFileSync(key, 'utf8')
    const database = new DatabaseSync(join(from, 'db.sqlite'), { readOnly: true })
    try {
      database.exec('PRAGMA busy_timeout = 5000')
      // One read transaction: the server goes on writing meanwhile.
      database.prepare('VACUUM INTO ?').run(join(to, 'db.sqlite'))
    } finally {
      database.close()
    }
    chmodSync(join(to, 'db.sqlite'), 0o600)
    syncPath(join(to, 'db.sqlite'))
    writeWhole(join(to, 'keys/master.key'), before)
    // The key was changed in between: database and keys have to belong together.
    if (readFileSync(key, 'utf8') === before) break
    rmSync(join(to, 'db.sqlite'))
  }
  const tls = join(from, 'tls')
  const files = existsSync(tls) ? readdirSync(tls).filter((name) => !name.endsWith('.part')) : []
  for (const name of files) copyDurably(join(tls, name), join(to, 'tls', name))
}

function copyDurably(from: string, to: string): void {
  const part = `${to}.part`
  copyFileSync(from, part)
  chmodSync(part, 0o600)
  syncPath(part)
  renameSync(part, to)
  syncPath(dirname(to))
}

/** The database is whole, and its secrets open with the keys beside it. */
async function checkState(folder: string): Promise<void> {
  const path = join(folder, 'db.sqlite')
  const file = new DatabaseSync(path)
  try {
    const found = file.prepare('PRAGMA integrity_check').get()?.['integrity_check']
    if (found !== 'ok') throw serverErrors.backup_damaged({ path, reason: String(found) })
  } finally {
    file.close()
  }
  const db = openDatabase(path)
  try {
    await new ConnectionStore(db, openVault(join(folder, 'keys'))).all()
  } finally {
    await db.destroy()
    for (const rest of ['-wal', '-shm']) rmSync(path + rest, { force: true })
  }
}

function describe(folder: string, now: number): StateBackup {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted()
  const files = Object.fromEntries(paths.map((path) => [path, hashFile(join(folder, path))]))
  return { format: 'nixen-state-1', schema: migrations.length, created: now, files }
}

/** Reads the description of a backup, and that every file is the one that was written. */
function checkBackup(folder: string): StateBackup {
  const path = join(folder, manifestName)
  const manifest = readManifest(path)
  if (manifest.schema > migrations.length) {
    throw serverErrors.newer_schema({ path: folder, found: manifest.schema, known: migrations.length })
  }
  for (const [name, hash] of Object.entries(manifest.files)) {
    const file = join(folder, name)
    if (!/^(db\.sqlite|(keys|tls)\/[\w.-]+)$/.test(name)) {
      throw serverErrors.backup_damaged({ path, reason: `${name} is no file of a state` })
    }
    if (!existsSync(file) || !statSync(file).isFile()) {
      throw serverErrors.backup_damaged({ path: file, reason: 'it is missing' })
    }
    if (hashFile(file) !== hash) throw serverErrors.backup_damaged({ path: file, reason: 'it was changed' })
  }
  for (const name of ['db.sqlite', 'keys/master.key']) {
    if (!(name in manifest.files)) throw serverErrors.backup_damaged({ path, reason: `${name} is not in it` })
  }
  return manifest
}

function readManifest(path: string): StateBackup {
  try {
    const found: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (isRecord(found) && found['format'] === 'nixen-state-1' && isRecord(found['files'])) {
      // The rest is checked file by file.
      return found as unknown as StateBackup
    }
  } catch (cause) {
    throw serverErrors.backup_damaged({ path, reason: messageOf(cause) }, { cause })
  }
  throw serverErrors.backup_damaged({ path, reason: 'it does not describe a backup of the state' })
}

function hashFile(path: string): string {
  const hash = createHash('sha256')
  const file = openSync(path, 'r')
  try {
    const piece = Buffer.alloc(1024 * 1024)
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) hash.update(piece.subarray(0, read))
  } finally {
    closeSync(file)
  }
  return hash.digest('hex')
}
