import { repositoryErrors } from '@nixen/api'
import { isAppError } from '@nixen/core'

/**
 * Errors of the engine as those of the contract: `storage.*` of a repository's store is not `storage.*` of a pool. What has no counterpart (`backup.restore_damaged`,
 * `backup.prune_unsafe`, `disk.*`, `nbd.*`) passes through.
 */
export function translateError(
  error: unknown,
  { name, location }: { readonly name: string; readonly location: string },
): unknown {
  if (!isAppError(error)) return error
  const text = (key: string): string => {
    const value = error.details[key]
    return typeof value === 'string' ? value : ''
  }
  const options = { cause: error }
  switch (error.code) {
    case 'backup.wrong_password':
      return repositoryErrors.wrong_password({ name, keys: Number(error.details['keys'] ?? 0) }, options)
    case 'backup.not_a_repository':
      return repositoryErrors.not_a_repository({ location }, options)
    case 'backup.repository_exists':
      return repositoryErrors.exists({ location }, options)
    case 'backup.repository_locked':
      return repositoryErrors.locked(
        { name, holder: text('holder'), since: text('since'), exclusive: error.details['exclusive'] === true },
        options,
      )
    case 'storage.full':
      return repositoryErrors.full({ name, where: text('where') }, options)
    case 'storage.denied':
      return repositoryErrors.denied({ name, where: text('where'), reason: text('reason') }, options)
    case 'storage.unavailable':
      return repositoryErrors.unavailable({ name, where: text('where'), reason: text('reason') }, options)
    case 'storage.bad_url':
      return repositoryErrors.bad_location({ location, reason: text('reason') }, options)
    default:
      return error.code.startsWith('storage.')
        ? repositoryErrors.storage_failed({ name, reason: error.message }, options)
        : error
  }
}
