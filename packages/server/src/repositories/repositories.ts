import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import {
  newOwnId,
  pointErrors,
  repositoryErrors,
  type Failure,
  type Immutability,
  type Maintenance,
  type Point,
  type Repository,
  type RepositoryId,
  type RepositoryProbe,
} from '@nixen/api'
import { parseStorageAddress, type S3Credentials } from '@nixen/backup'
import { isAppError, messageOf, type Clock, type Log } from '@nixen/core'
import type { InputOf, OperationName, OutputOf } from '../worker/operations.ts'
import type { PointRecord } from '../worker/point-record.ts'
import type { Place, PoolRunOptions, WorkerPool } from '../worker/worker-pool.ts'
import { translateError } from '../worker/translate-error.ts'
import type { Catalogue } from './catalogue.ts'
import { seenAfter, stateAfter } from './seen-after.ts'
import { showRepository } from './show-repository.ts'
import { nameKey, type RepositorySeen, type RepositoryStore, type StoredRepository } from './repository-store.ts'

export interface RepositoriesPorts {
  readonly store: RepositoryStore
  readonly pool: WorkerPool
  readonly catalogue: Catalogue
  readonly clock: Clock
  readonly log: Log
  /** Folder for caches of indexes. */
  readonly cache: string
}

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

type Stoppable = Pick<PoolRunOptions<'points'>, 'signal' | 'progress'>

/** Limits of one run beside those of the repository, bytes per second. */
export interface RunLimits {
  readonly upload?: number | undefined
  readonly download?: number | undefined
}

/** Restore points that are taken down at a time. */
const piece = 500
/** Milliseconds between two looks at each repository, for what others did there. */
const lookEvery = 30 * 60_000

/** The repositories that Nixen knows: their secrets, how they stand, and all work in them. Nothing of a repository is read in this process. */
export class Repositories implements AsyncDisposable {
  readonly #ports: RepositoriesPorts
  readonly #known = new Map<RepositoryId, StoredRepository>()
  readonly #listeners = new Set<(id: RepositoryId) => void>()
  readonly #stopping = new AbortController()
  /** What runs without anybody who waits for it. */
  readonly #own = new Set<Promise<void>>()
  /** Refreshes that run: who asks for one gets that. */
  readonly #refreshing = new Map<RepositoryId, Promise<void>>()

  constructor(ports: RepositoriesPorts) {
    this.#ports = ports
  }

  /** Loads what is known and begins to look at each; does not wait for any. */
  async start(): Promise<void> {
    for (const repository of await this.#ports.store.all()) this.#known.set(repository.id, repository)
    this.#background(async () => {
      for (;;) {
        for (const id of this.#known.keys())
          this.#background(async () => await this.refresh(id, { signal: this.#stopping.signal }))
        await this.#ports.clock.sleep(lookEvery, { signal: this.#stopping.signal })
      }
    })
  }

  /** Calls `listen` when something of a repository has changed, until the result is called. */
  onChange(listen: (id: RepositoryId) => void): () => void {
    this.#listeners.add(listen)
    return () => this.#listeners.delete(listen)
  }

  all(): readonly Repository[] {
    return [...this.#known.values()].map((stored) => this.#show(stored))
  }

  /** @throws repository.not_found */
  get(id: RepositoryId): Repository {
    return this.#show(this.#stored(id))
  }

  nameOf(id: string): string | undefined {
    // Asked with ids of anything.
    return this.#known.get(id as RepositoryId)?.name
  }

  /** Figures by VM, as they were counted last. */
  groups(id: RepositoryId): NonNullable<RepositorySeen['groups']> {
    return this.#stored(id).seen.groups ?? []
  }

  /** Tries a place without keeping anything. */
  async probe(
    target: {
      readonly location: string
      readonly password?: string | undefined
      readonly credentials?: S3Credentials | undefined
    },
    options: Stoppable = {},
  ): Promise<RepositoryProbe> {
    const { location, password, credentials } = target
    const place = this.#placeOf({ location, password: password ?? '', credentials })
    const found = await this.#ports.pool.run('probe', place, { password }, options)
    const { opens, ...probe } = found
    if (!opens) return probe
    return { ...probe, opens: opens.ok, ...(opens.ok ? { uuid: opens.facts.id, format: opens.facts.version } : {}) }
  }

  /** Makes or opens a repository, and keeps it. */
  async create(target: RepositoryTarget, options: Stoppable = {}): Promise<Repository> {
    const { name, location, mode, password, credentials, upload, download, maintenance } = target
    this.#demandFreeName(name)
    const place = this.#placeOf({ location, password, credentials })
    const { pool, clock } = this.#ports
    const facts = await pool.run(mode === 'new' ? 'create' : 'inspect', place, {}, options)
    this.#demandUnknown(location, facts.id)
    const immutability = await this.#immutabilityOf(place, options)
    // Somebody may have been faster.
    this.#demandFreeName(name)
    const id: RepositoryId = newOwnId<'repository'>()
    const now = clock.now()
    const seen: RepositorySeen = {
      state: 'ready',
      since: now,
      uuid: facts.id,
      format: facts.version,
      immutability,
    }
    const stored: StoredRepository = {
      id,
      name,
      location,
      password,
      credentials,
      options: { maintenance, upload, download },
      seen,
      created: now,
    }
    await this.#keep(stored)
    if (mode === 'existing') this.#background(async () => await this.refresh(id, { signal: this.#stopping.signal }))
    return this.#show(stored)
  }

  /** Changes what is known of a repository; a new address or password is tried before it is kept. */
  async update(id: RepositoryId, changes: RepositoryChanges, options: Stoppable = {}): Promise<Repository> {
    const before = this.#stored(id)
    const { name = before.name, location = before.location, password = before.password } = changes
    const { credentials = before.credentials } = changes
    if (nameKey(name) !== nameKey(before.name)) this.#demandFreeName(name)
    let { seen } = before
    const moved = location !== before.location || password !== before.password || changes.credentials !== undefined
    if (moved) {
      const place = this.#placeOf({ location, password, credentials })
      const facts = await this.#ports.pool.run('inspect', place, {}, options)
      if (seen.uuid !== undefined && facts.id !== seen.uuid) {
        throw repositoryErrors.other_repository({
          location,
          expected: seen.uuid.slice(0, 12),
          found: facts.id.slice(0, 12),
        })
      }
      const { error: _, ...rest } = seen
      const now = this.#ports.clock.now()
      seen = {
        ...rest,
        state: 'ready',
        since: now,
        uuid: facts.id,
        format: facts.version,
        immutability: await this.#immutabilityOf(place, options),
      }
    }
    const limit = (what: 'upload' | 'download'): number | undefined =>
      changes[what] === null ? undefined : (changes[what] ?? before.options[what])
    const maintenance = changes.maintenance ?? before.options.maintenance
    const after: StoredRepository = {
      ...before,
      name,
      location,
      password,
      credentials,
      options: { maintenance, upload: limit('upload'), download: limit('download') },
      seen,
    }
    await this.#keep(after)
    if (moved) await this.#ports.pool.reset(id)
    return this.#show(after)
  }

  /** Forgets a repository; its data stays. @throws repository.busy */
  async remove(id: RepositoryId): Promise<void> {
    const { name } = this.#stored(id)
    const busy = this.#ports.pool.inside(id)
    if (busy.length > 0) throw repositoryErrors.busy({ name, what: busy.join(', ') })
    await this.#ports.store.remove(id)
    this.#known.delete(id)
    this.#ports.catalogue.drop(id)
    await rm(this.#cacheFile(id), { force: true })
    await this.#ports.pool.reset(id)
    this.#tell(id)
  }

  /**
   * Does an operation in a repository and takes down what it says of it: how it stands, new and forgotten restore points, figures, the last check.
   *
   * @throws repository.*, backup.*, disk.*, nbd.*, connection.*
   */
  async run<N extends OperationName>(
    operation: N,
    id: RepositoryId,
    input: InputOf<N>,
    { limits, ...options }: PoolRunOptions<N> & { readonly limits?: RunLimits | undefined } = {},
  ): Promise<OutputOf<N>> {
    const stored = this.#stored(id)
    const { pool } = this.#ports
    try {
      const output = await pool.run(operation, this.#placeFor(stored, limits), input, options)
      await this.#learn(id, operation, output)
      return output
    } catch (error) {
      await this.#learnFailure(id, error)
      throw error
    }
  }

  /**
   * Lists restore points that are not known yet, and takes those away that others have forgotten.
   *
   * @throws repository.*
   */
  async refresh(id: RepositoryId, options: Stoppable = {}): Promise<void> {
    const running = this.#refreshing.get(id)
    if (running) return await running
    const next = this.#refresh(id, options).finally(() => this.#refreshing.delete(id))
    this.#refreshing.set(id, next)
    await next
  }

  async #refresh(id: RepositoryId, options: Stoppable): Promise<void> {
    const { catalogue } = this.#ports
    const fresh: PointRecord[] = []
    const known = catalogue.known(id)
    const { facts, present, damaged } = await this.run(
      'points',
      id,
      { known },
      {
        ...options,
        items: (records) => void fresh.push(...records),
      },
    )
    const stored = this.#known.get(id)
    if (!stored) return
    const { uuid } = stored.seen
    if (uuid !== undefined && uuid !== facts.id) {
      // Another disk is mounted there: what is known of the right one stays.
      const { location } = stored
      const error = repositoryErrors.other_repository({
        location,
        expected: uuid.slice(0, 12),
        found: facts.id.slice(0, 12),
      })
      await this.#learnFailure(id, error)
      throw error
    }
    for (let at = 0; at < fresh.length; at += piece) {
      catalogue.add(id, fresh.slice(at, at + piece))
      // Other requests get their turn between pieces.
      await setImmediate()
    }
    catalogue.keepOnly(id, { known, present })
    const seen = this.#ports.clock.now()
    await this.#see(id, { uuid: facts.id, format: facts.version, seen, damaged: damaged.length })
  }

  /** Counts the room that VMs take. */
  async count(id: RepositoryId, options: Stoppable = {}): Promise<void> {
    await this.run('stats', id, {}, options)
  }

  /** Another password of the repository itself; the old one opens it no more. */
  async setPassword(id: RepositoryId, password: string, options: Stoppable = {}): Promise<string> {
    const { pool } = this.#ports
    const before = this.#stored(id)
    // First a key that opens, then it is kept here, and only then the old one goes: killed on the way, Nixen has one that opens.
    const { key } = await this.run('addKey', id, { password }, options)
    const { current } = await this.run('keys', id, {}, options)
    await this.#keep({ ...this.#stored(id), password })
    await pool.reset(id)
    try {
      await this.run('removeKey', id, { key: current }, options)
    } catch (error) {
      // The old key stays: it is told, and can be removed later.
      this.#ports.log.warn('the old key of a repository could not be removed', {
        repository: before.name,
        reason: messageOf(error),
      })
      throw error
    }
    return key
  }

  /** What a recovery sheet holds of secrets. Only for who may see them. */
  secrets(id: RepositoryId): { readonly password: string; readonly accessKeyId: string | undefined } {
    const { password, credentials } = this.#stored(id)
    return { password, accessKeyId: credentials?.accessKeyId }
  }

  /** Restore points of a repository that are known. */
  pointsOf(id: RepositoryId): Iterable<Point> {
    return this.#ports.catalogue.of(id)
  }

  /** A restore point of the catalogue. @throws point.not_found */
  point(repository: RepositoryId, snapshot: string): Point {
    const point = this.#ports.catalogue.get(repository, snapshot)
    if (!point) throw pointErrors.not_found({ id: `${repository}.${snapshot.slice(0, 12)}` })
    return point
  }

  /** A record of a worker as a point of the contract. */
  pointOf(id: RepositoryId, record: PointRecord): Point {
    return this.#ports.catalogue.pointOf(id, record)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DOMException('the server stops', 'AbortError'))
    await Promise.all(this.#own)
  }

  #background(work: () => Promise<void>): void {
    const running = work()
      .catch((error: unknown) => {
        if (!this.#stopping.signal.aborted)
          this.#ports.log.warn('a repository could not be looked at', { reason: messageOf(error) })
      })
      .finally(() => this.#own.delete(running))
    this.#own.add(running)
  }

  #stored(id: RepositoryId): StoredRepository {
    const stored = this.#known.get(id)
    if (!stored) throw repositoryErrors.not_found({ id })
    return stored
  }

  #show(stored: StoredRepository): Repository {
    const { pool, catalogue } = this.#ports
    return showRepository(stored, { busy: pool.inside(stored.id), ...catalogue.summary(stored.id) })
  }

  /** A place that is tried and not kept: processes of its own. */
  #placeOf(access: Pick<StoredRepository, 'location' | 'password' | 'credentials'>): Place {
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

  #placeFor({ id, name, location, password, credentials, options }: StoredRepository, limits: RunLimits = {}): Place {
    const least = (what: 'upload' | 'download'): number | undefined => {
      const both = [options[what], limits[what]].filter((limit) => limit !== undefined)
      return both.length === 0 ? undefined : Math.min(...both)
    }
    const cacheFile = this.#cacheFile(id)
    const access = { location, password, credentials, upload: least('upload'), download: least('download'), cacheFile }
    return { key: id, name, access }
  }

  #cacheFile(id: RepositoryId): string {
    return join(this.#ports.cache, `index-${id}`)
  }

  /** What the address asks of the store, and what the store itself does. */
  async #immutabilityOf(place: Place, options: Stoppable): Promise<Immutability> {
    const address = parseStorageAddress(place.access.location)
    const retention = address.kind === 's3' ? address.options.retention : undefined
    if (retention) return { mode: 'object-lock', days: retention.days, hold: retention.mode }
    const { remove } = await this.#ports.pool.run('probe', place, {}, options)
    return { mode: remove === 'refused' ? 'append-only' : 'none' }
  }

  #demandFreeName(name: string): void {
    for (const other of this.#known.values()) {
      if (nameKey(other.name) === nameKey(name)) throw repositoryErrors.name_taken({ name, id: other.id })
    }
  }

  #demandUnknown(location: string, uuid: string): void {
    for (const { id, name, seen } of this.#known.values()) {
      if (seen.uuid === uuid) throw repositoryErrors.known_already({ location, name, id })
    }
  }

  async #keep(stored: StoredRepository): Promise<void> {
    await this.#ports.store.put(stored)
    this.#known.set(stored.id, stored)
    this.#tell(stored.id)
  }

  async #see(id: RepositoryId, changes: Partial<RepositorySeen>): Promise<void> {
    const stored = this.#known.get(id)
    if (!stored) return
    const seen: RepositorySeen = { ...stored.seen, ...changes }
    this.#known.set(id, { ...stored, seen })
    await this.#ports.store.putSeen(id, seen)
    this.#tell(id)
  }

  /** What the output of an operation says of the repository. */
  async #learn<N extends OperationName>(id: RepositoryId, operation: N, output: OutputOf<N>): Promise<void> {
    const { catalogue, clock } = this.#ports
    const stored = this.#known.get(id)
    if (!stored) return
    const { seen, points } = seenAfter(operation, output, clock.now())
    catalogue.add(id, points?.added ?? [])
    catalogue.remove(id, points?.removed ?? [])
    const recovered = stored.seen.state !== 'ready'
    if (!recovered && !seen && !points) return
    await this.#see(id, {
      ...seen,
      ...(recovered ? { state: 'ready', since: clock.now(), error: undefined } : {}),
    })
  }

  async #learnFailure(id: RepositoryId, error: unknown): Promise<void> {
    const stored = this.#known.get(id)
    if (!stored || !isAppError(error)) return
    const state = stateAfter(error.code)
    if (!state) return
    const { seen } = stored
    const failure: Failure = { code: error.code, message: error.message, details: { ...error.details } }
    if (seen.state === state && seen.error?.message === failure.message) return
    const since = seen.state === state ? seen.since : this.#ports.clock.now()
    await this.#see(id, { state, since, error: failure })
  }

  #tell(id: RepositoryId): void {
    for (const listen of this.#listeners) listen(id)
  }
}
