import { isAppError } from '@nixen/core'
import type { Repository, SignalOption } from '../repository/repository.ts'
import { lockRepository, type RepositoryLock } from './lock.ts'

/**
 * A shared lock for who only reads, so that no prune takes anything away meanwhile. `undefined` where there can't be one: on a store that can't be
 * written to nobody prunes either, version 1 is only read, and a damaged lock stops nobody from looking.
 *
 * Errors: `backup.repository_locked`, storage's.
 */
export async function lockForReading(
  repository: Repository,
  options: SignalOption & { wait?: number | undefined } = {},
): Promise<RepositoryLock | undefined> {
  try {
    return await lockRepository(repository, { signal: options.signal, wait: options.wait ?? 0 })
  } catch (error) {
    const harmless = ['storage.denied', 'backup.read_only_version', 'backup.file_damaged']
    if (isAppError(error) && harmless.includes(error.code)) return undefined
    throw error
  }
}
