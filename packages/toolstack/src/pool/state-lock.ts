import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { messageOf } from '@nixen/core'
import { toolstackErrors } from '../errors.ts'

/** Name of the file whose lock says that a process uses the directory. */
export const lockFile = 'lock'

/**
 * Takes a directory for this process until disposed of, or until the process ends in whatever way: the lock is one of SQLite, which the system gives
 * back. Two processes would take each other's half-done moves for those of a dead one.
 *
 * @throws toolstack.state_in_use
 */
export function lockState(root: string): Disposable {
  const file = new DatabaseSync(join(root, lockFile))
  try {
    file.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    file.close()
    if (!/locked|busy/i.test(messageOf(error))) throw error
    throw toolstackErrors.state_in_use({ path: root }, { cause: error })
  }
  return { [Symbol.dispose]: () => file.close() }
}
