import { rm } from 'node:fs/promises'
import {
  pointErrors,
  repositoryErrors,
  type Point,
  type Repository,
  type RepositoryId,
  type RepositoryProbe,
} from '@nixen/api'
import type { S3Credentials } from '@nixen/backup'
import { isAppError, messageOf, retry, type Clock, type Log } from '@nixen/core'
import type { InputOf, OperationName, OutputOf } from '../worker/operations.ts'
import type { PointRecord } from '../worker/point-record.ts'
import type { PoolRunOptions, WorkerPool } from '../worker/worker-pool.ts'
import {
  addRepository,
  changeRepository,
  type AddingPorts,
  type RepositoryChanges,
  type RepositoryTarget,
} from './add-repository.ts'
import type { Catalogue } from './catalogue.ts'
import { KnownRepositories } from './known-repositories.ts'
import { cacheFileOf, placeOf, trialPlace } from './places.ts'
import { RepositoryWork } from './repository-work.ts'
import { showRepository } from './show-repository.ts'
import type { RepositorySeen, RepositoryStore, StoredRepository } from './repository-store.ts'

export interface RepositoriesPorts {
  readonly store: RepositoryStore
  readonly pool: WorkerPool
  readonly catalogue: Catalogue
  readonly clock: Clock
  readonly log: Log
  /** Folder for caches of indexes. */
  readonly cache: string
}

type Stoppable = Pick<PoolRunOptions<'points'>, 'signal' | 'progress'>

/** Milliseconds between two looks at each repository, for what others did there. */
const lookEvery = 30 * 60_000
/** Errors after which nobody knows what a worker had done. */
const processGone: ReadonlySet<string> = new Set(['repository.worker_failed', 'repository.worker_memory'])

/** The repositories that Nixen knows, and all work in them. Nothing of a repository is read in this process. */
export class Repositories implements AsyncDisposable {
  readonly #ports: RepositoriesPorts
  readonly #known: KnownRepositories
  readonly #work: RepositoryWork
  readonly #stopping = new AbortController()
  /** What runs without anybody who waits for it. */
  readonly #own = new Set<Promise<void>>()
  /** Refreshes that run: who asks for one gets that. */
  readonly #refreshing = new Map<RepositoryId, Promise<void>>()

  constructor(ports: RepositoriesPorts) {
    this.#ports = ports
    this.#known = new KnownRepositories(ports.store)
    this.#work = new RepositoryWork({ ...ports, known: this.#known })
  }

  /** Loads what is known and begins to look at each; does not wait for any. */
  async start(): Promise<void> {
    await this.#known.load()
    this.#background(async () => {
      for (;;) {
        for (const { id } of this.#known.all()) this.#lookAt(id)
        await this.#ports.clock.sleep(lookEvery, { signal: this.#stopping.signal })
      }
    })
  }

  /** Calls `listen` when something of a repository has changed, until the result is called. */
  onChange(listen: (id: RepositoryId) => void): () => void {
    return this.#known.onChange(listen)
  }

  all(): readonly Repository[] {
    return this.#known.all().map((stored) => this.#show(stored))
  }

  /** @throws repository.not_found */
  get(id: RepositoryId): Repository {
    return this.#show(this.#known.get(id))
  }

  nameOf(id: string): string | undefined {
    return this.#known.find(id)?.name
  }

  /** Figures by VM, as they were counted last. */
  groups(id: RepositoryId): NonNullable<RepositorySeen['groups']> {
    return this.#known.get(id).seen.groups ?? []
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
    const place = trialPlace({ location, password: password ?? '', credentials })
    const { opens, ...probe } = await this.#ports.pool.run('probe', place, { password }, options)
    if (!opens) return probe
    return { ...probe, opens: opens.ok, ...(opens.ok ? { uuid: opens.facts.id, format: opens.facts.version } : {}) }
  }

  /** Makes or opens a repository, and keeps it. @throws repository.* */
  async create(target: RepositoryTarget, options: Stoppable = {}): Promise<Repository> {
    const stored = await addRepository(this.#adding, target, options)
    if (target.mode === 'existing') this.#lookAt(stored.id)
    return this.#show(stored)
  }

  /** Changes what is known of a repository; a new address or password is tried before it is kept. @throws repository.* */
  async update(id: RepositoryId, changes: RepositoryChanges, options: Stoppable = {}): Promise<Repository> {
    const { stored, moved } = await changeRepository(this.#adding, { id, changes }, options)
    this.#work.limit(stored)
    if (moved) await this.#ports.pool.reset(id)
    return this.#show(stored)
  }

  /** Forgets a repository; its data stays. @throws repository.busy */
  async remove(id: RepositoryId): Promise<void> {
    const { name } = this.#known.get(id)
    const { pool, catalogue, cache } = this.#ports
    const busy = pool.inside(id)
    if (busy.length > 0) throw repositoryErrors.busy({ name, what: busy.join(', ') })
    await this.#known.remove(id)
    this.#work.forget(id)
    catalogue.drop(id)
    await rm(cacheFileOf(id, cache), { force: true })
    await pool.reset(id)
    this.#known.tell(id)
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
    options: PoolRunOptions<N> = {},
  ): Promise<OutputOf<N>> {
    try {
      return await this.#work.run(operation, id, { input, options })
    } catch (error) {
      // A process that ended in the middle may have stored or forgotten restore points before it could say so.
      if (isAppError(error) && processGone.has(error.code)) this.#lookAgain(id)
      throw error
    }
  }

  /** Keeps one repository like another; done by a process of the target. @throws repository.*, backup.* */
  async mirror(
    from: RepositoryId,
    to: RepositoryId,
    input: Omit<InputOf<'mirror'>, 'from'>,
    options: PoolRunOptions<'mirror'> = {},
  ): Promise<OutputOf<'mirror'>> {
    const { access } = placeOf(this.#known.get(from), this.#ports.cache)
    return await this.run('mirror', to, { ...input, from: access }, options)
  }

  /**
   * Lists restore points that are not known yet, and takes those away that others have forgotten.
   *
   * @throws repository.*
   */
  async refresh(id: RepositoryId, options: Stoppable = {}): Promise<void> {
    const running = this.#refreshing.get(id)
    if (running) return await running
    const next = this.#work.refresh(id, options).finally(() => this.#refreshing.delete(id))
    this.#refreshing.set(id, next)
    await next
  }

  /** Counts the room that VMs take. */
  async count(id: RepositoryId, options: Stoppable = {}): Promise<void> {
    await this.run('stats', id, {}, options)
  }

  /** Another password of the repository itself; the old one opens it no more. */
  async setPassword(id: RepositoryId, password: string, options: Stoppable = {}): Promise<string> {
    const { pool } = this.#ports
    const before = this.#known.get(id)
    // First a key that opens, then it is kept here, and only then the old one goes: killed on the way, Nixen has one that opens.
    const { key } = await this.run('addKey', id, { password }, options)
    const { current } = await this.run('keys', id, {}, options)
    await this.#known.keep({ ...this.#known.get(id), password })
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
    const { password, credentials } = this.#known.get(id)
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

  get #adding(): AddingPorts {
    const { pool, clock } = this.#ports
    return { known: this.#known, pool, clock }
  }

  #lookAt(id: RepositoryId): void {
    this.#background(async () => await this.refresh(id, { signal: this.#stopping.signal }))
  }

  /** Lists anew what a process that ended in the middle has left. */
  #lookAgain(id: RepositoryId): void {
    const { signal } = this.#stopping
    this.#background(async () => {
      // A list that was begun before does not tell; whether it comes about is told to who asked for it.
      await this.#refreshing.get(id)?.catch(() => undefined)
      const look = async (): Promise<void> => {
        if (this.#known.find(id)) await this.refresh(id, { signal })
      }
      // Whoever killed one process may have killed all.
      await retry(look, {
        when: (error) => isAppError(error) && error.retryable,
        base: 500,
        signal,
        clock: this.#ports.clock,
      })
    })
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

  #show(stored: StoredRepository): Repository {
    const { pool, catalogue } = this.#ports
    return showRepository(stored, { busy: pool.inside(stored.id), ...catalogue.summary(stored.id) })
  }
}
