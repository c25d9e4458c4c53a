import { join } from 'node:path'
import { repositoryErrors, type RepositoryId } from '@nixen/api'
import { parseStorageAddress } from '@nixen/backup'
import { translateError } from '../worker/translate-error.ts'
import type { Place } from '../worker/worker-pool.ts'
import type { StoredRepository } from './repository-store.ts'

/** A place that is tried and not kept: processes of its own. @throws repository.bad_location */
export function trialPlace(access: Pick<StoredRepository, 'location' | 'password' | 'credentials'>): Place {
  const { location } = access
  if (!location.startsWith('/') && !location.includes('://')) {
    throw repositoryErrors.bad_location({ location, reason: 'a directory is named by its whole path, from /' })
  }
  try {
    parseStorageAddress(location)
  } catch (error) {
    throw translateError(error, { name: location, location })
  }
  return { key: `trial:${location}`, name: location, access }
}

/** Where work in a known repository is done. @param cache folder for caches of indexes */
export function placeOf({ id, name, location, password, credentials }: StoredRepository, cache: string): Place {
  return { key: id, name, access: { location, password, credentials, cacheFile: cacheFileOf(id, cache) } }
}

export function cacheFileOf(id: RepositoryId, cache: string): string {
  return join(cache, `index-${id}`)
}
