import { newOwnId, repositoryErrors, type Immutability, type Maintenance, type RepositoryId } from '@nixen/api'
import { parseStorageAddress, type S3Credentials } from '@nixen/backup'
import type { Clock } from '@nixen/core'
import type { Place, PoolRunOptions, WorkerPool } from '../worker/worker-pool.ts'
import type { KnownRepositories } from './known-repositories.ts'
import { trialPlace } from './places.ts'
import { nameKey, type RepositorySeen, type StoredRepository } from './repository-store.ts'

/** A repository that is added. */
export interface RepositoryTarget {
  readonly name: string
  readonly location: string
  readonly mode: 'new' | 'existing'
  readonly password: string
  readonly credentials?: S3Credentials | undefined
  readonly upload?: number | undefined
  readonly download?: number | undefined
  readonly maintenance: Maintenance
}

/** What is changed; `null` takes a limit away. */
export interface RepositoryChanges {
  readonly name?: string | undefined
  readonly location?: string | undefined
  readonly password?: string | undefined
  readonly credentials?: S3Credentials | undefined
  readonly upload?: number | null | undefined
  readonly download?: number | null | undefined
  readonly maintenance?: Maintenance | undefined
}

export interface AddingPorts {
  readonly known: KnownRepositories
  readonly pool: WorkerPool
  readonly clock: Clock
}

type Stoppable = Pick<PoolRunOptions<'points'>, 'signal' | 'progress'>

/** Makes or opens a repository, and keeps it. @throws repository.* */
export async function addRepository(
  { known, pool, clock }: AddingPorts,
  target: RepositoryTarget,
  options: Stoppable,
): Promise<StoredRepository> {
  const { name, location, mode, password, credentials, upload, download, maintenance } = target
  known.demandFreeName(name)
  const place = trialPlace({ location, password, credentials })
  const facts = await pool.run(mode === 'new' ? 'create' : 'inspect', place, {}, options)
  known.demandUnknown(location, facts.id)
  const immutability = await immutabilityOf(pool, place, options)
  // Somebody may have been faster.
  known.demandFreeName(name)
  const id: RepositoryId = newOwnId<'repository'>()
  const now = clock.now()
  const seen: RepositorySeen = { state: 'ready', since: now, uuid: facts.id, format: facts.version, immutability }
  const limits = { maintenance, upload, download }
  const stored = { id, name, location, password, credentials, options: limits, seen, created: now }
  await known.keep(stored)
  return stored
}

/**
 * Changes what is known of a repository; a new address or password is tried before it is kept.
 *
 * @returns what is kept now, and whether what opens it has changed
 * @throws repository.*
 */
export async function changeRepository(
  { known, pool, clock }: AddingPorts,
  { id, changes }: { readonly id: RepositoryId; readonly changes: RepositoryChanges },
  options: Stoppable,
): Promise<{ readonly stored: StoredRepository; readonly moved: boolean }> {
  const before = known.get(id)
  const { name = before.name, location = before.location, password = before.password } = changes
  const { credentials = before.credentials } = changes
  if (nameKey(name) !== nameKey(before.name)) known.demandFreeName(name)
  const moved = location !== before.location || password !== before.password || changes.credentials !== undefined
  const place = { location, password, credentials }
  const seen = moved ? await seenAt({ pool, clock }, { before, place: trialPlace(place) }, options) : before.seen
  const limit = (what: 'upload' | 'download'): number | undefined =>
    changes[what] === null ? undefined : (changes[what] ?? before.options[what])
  const maintenance = changes.maintenance ?? before.options.maintenance
  const limits = { maintenance, upload: limit('upload'), download: limit('download') }
  const stored: StoredRepository = { ...before, ...place, name, options: limits, seen }
  await known.keep(stored)
  return { stored, moved }
}

/** How a repository stands at another address, or with another password. @throws repository.other_repository, … */
async function seenAt(
  { pool, clock }: Pick<AddingPorts, 'pool' | 'clock'>,
  { before, place }: { readonly before: StoredRepository; readonly place: Place },
  options: Stoppable,
): Promise<RepositorySeen> {
  const { error: _, ...rest } = before.seen
  const facts = await pool.run('inspect', place, {}, options)
  demandSame(before, facts.id, place.access.location)
  const immutability = await immutabilityOf(pool, place, options)
  return { ...rest, state: 'ready', since: clock.now(), uuid: facts.id, format: facts.version, immutability }
}

/** Refuses another repository than the one that was seen before. @throws repository.other_repository */
export function demandSame({ seen }: Pick<StoredRepository, 'seen'>, uuid: string, location: string): void {
  if (seen.uuid === undefined || seen.uuid === uuid) return
  throw repositoryErrors.other_repository({
    location,
    expected: seen.uuid.slice(0, 12),
    found: uuid.slice(0, 12),
  })
}

/** What the address asks of the store, and what the store itself does. */
async function immutabilityOf(pool: WorkerPool, place: Place, options: Stoppable): Promise<Immutability> {
  const address = parseStorageAddress(place.access.location)
  const retention = address.kind === 's3' ? address.options.retention : undefined
  if (retention) return { mode: 'object-lock', days: retention.days, hold: retention.mode }
  const { remove } = await pool.run('probe', place, {}, options)
  return { mode: remove === 'refused' ? 'append-only' : 'none' }
}
