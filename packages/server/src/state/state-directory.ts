import { chmodSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { messageOf } from '@nixen/core'
import { serverErrors } from '../errors.ts'

/** Where a server keeps what outlives it. Disposing of it lets another server have it. */
export interface StateDirectory extends Disposable {
  readonly path: string
  readonly database: string
  readonly keys: string
  readonly tls: string
  /** For the local socket (`openLocalDoor`). */
  readonly run: string
}

/**
 * Takes a state directory for this process alone, and makes it when it is not there.
 *
 * The lock is an exclusive transaction on the empty database `lock`: Node has no `flock`, SQLite holds the system's own record lock,
 * and that goes with the process, also by kill -9.
 *
 * @throws server.state_in_use, server.state_unusable
 */
export function openStateDirectory(directory: string): StateDirectory {
  const path = resolve(directory)
  makeFolders(path)
  const lock = takeLock(path)
  return {
    path,
    database: join(path, 'db.sqlite'),
    keys: join(path, 'keys'),
    tls: join(path, 'tls'),
    run: join(path, 'run'),
    [Symbol.dispose]: () => lock.close(),
  }
}

function makeFolders(path: string): void {
  try {
    for (const folder of [path, join(path, 'keys'), join(path, 'tls')]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
    }
    // A directory that was there before may be open to others; what is in keys/ must not be.
    chmodSync(join(path, 'keys'), 0o700)
  } catch (cause) {
    throw serverErrors.state_unusable({ path, reason: messageOf(cause) }, { cause })
  }
}

function takeLock(path: string): DatabaseSync {
  let lock: DatabaseSync | undefined
  try {
    lock = new DatabaseSync(join(path, 'lock'))
    lock.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE')
    return lock
  } catch (cause) {
    lock?.close()
    const reason = messageOf(cause)
    throw reason.includes('locked')
      ? serverErrors.state_in_use({ directory: path }, { cause })
      : serverErrors.state_unusable({ path: join(path, 'lock'), reason }, { cause })
  }
}
