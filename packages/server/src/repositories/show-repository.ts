import type { Repository } from '@nixen/api'
import type { StoredRepository } from './repository-store.ts'

/** What is known of a repository at the moment. */
export interface RepositoryMoment {
  readonly points: number
  readonly vms: number
  readonly newest?: number
  /** What is being done in it. */
  readonly busy: readonly string[]
}

/** A repository as the contract shows it: without secrets. Pure. */
export function showRepository(stored: StoredRepository, { busy, ...counted }: RepositoryMoment): Repository {
  const { id, name, location, options, seen, created } = stored
  const { groups: _, immutability, usage, lastCheck, lastPrune, error, uuid, format, damaged, ...rest } = seen
  const { upload, download, maintenance } = options
  return {
    id,
    name,
    location,
    type: location.startsWith('s3://') ? 's3' : 'local',
    state: rest.state,
    since: rest.since,
    ...(error ? { error } : {}),
    ...(uuid === undefined ? {} : { uuid }),
    ...(format === undefined ? {} : { format }),
    ...counted,
    ...(damaged === undefined || damaged === 0 ? {} : { damaged }),
    ...(rest.seen === undefined ? {} : { seen: rest.seen }),
    ...(usage ? { usage } : {}),
    ...(lastCheck ? { lastCheck } : {}),
    ...(lastPrune ? { lastPrune } : {}),
    maintenance,
    immutability,
    ...(upload === undefined ? {} : { upload }),
    ...(download === undefined ? {} : { download }),
    ...(busy.length > 0 ? { busy: [...busy] } : {}),
    created,
  }
}
