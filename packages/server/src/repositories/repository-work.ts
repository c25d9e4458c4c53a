import { setImmediate } from 'node:timers/promises'
import type { Failure, RepositoryId } from '@nixen/api'
import { isAppError, type Clock } from '@nixen/core'
import { Allowance } from '../worker/allowance.ts'
import type { InputOf, OperationName, OutputOf } from '../worker/operations.ts'
import type { PointRecord } from '../worker/point-record.ts'
import type { PoolRunOptions, SharedRates, WorkerPool } from '../worker/worker-pool.ts'
import { demandSame } from './add-repository.ts'
import type { Catalogue } from './catalogue.ts'
import type { KnownRepositories } from './known-repositories.ts'
import { placeOf } from './places.ts'
import { seenAfter, stateAfter } from './seen-after.ts'
import type { StoredRepository } from './repository-store.ts'

export interface RepositoryWorkPorts {
  readonly known: KnownRepositories
  readonly pool: WorkerPool
  readonly catalogue: Catalogue
  readonly clock: Clock
  /** Folder for caches of indexes. */
  readonly cache: string
}

/** Restore points that are taken down at a time. */
const piece = 500

/** Work in repositories, and what it says of them: how they stand, new and forgotten restore points, figures, the last check. */
export class RepositoryWork {
  readonly #ports: RepositoryWorkPorts
  /** What all work in one repository shares. */
  readonly #rates = new Map<RepositoryId, { readonly upload: Allowance; readonly download: Allowance }>()

  constructor(ports: RepositoryWorkPorts) {
    this.#ports = ports
  }

  /** @throws repository.*, backup.*, disk.*, nbd.*, connection.* */
  async run<N extends OperationName>(
    operation: N,
    id: RepositoryId,
    { input, options }: { readonly input: InputOf<N>; readonly options: PoolRunOptions<N> },
  ): Promise<OutputOf<N>> {
    const { pool, known, cache } = this.#ports
    const stored = known.get(id)
    const rates = this.#ratesOf(stored, options.rates)
    try {
      const output = await pool.run(operation, placeOf(stored, cache), input, { ...options, rates })
      await this.#learn(id, operation, output)
      return output
    } catch (error) {
      await this.#learnFailure(id, error)
      throw error
    }
  }

  /** Lists restore points that are not known yet, and takes those away that others have forgotten. @throws repository.* */
  async refresh(id: RepositoryId, options: Pick<PoolRunOptions<'points'>, 'signal' | 'progress'>): Promise<void> {
    const { catalogue, known: repositories, clock } = this.#ports
    const fresh: PointRecord[] = []
    const known = catalogue.known(id)
    const items = (records: readonly PointRecord[]): void => void fresh.push(...records)
    const { facts, present, damaged } = await this.run('points', id, {
      input: { known },
      options: { ...options, items },
    })
    const stored = repositories.find(id)
    if (!stored) return
    try {
      // Another disk may be mounted there: what is known of the right one stays.
      demandSame(stored, facts.id, stored.location)
    } catch (error) {
      await this.#learnFailure(id, error)
      throw error
    }
    for (let at = 0; at < fresh.length; at += piece) {
      catalogue.add(id, fresh.slice(at, at + piece))
      // Other requests get their turn between pieces.
      await setImmediate()
    }
    catalogue.keepOnly(id, { known, present })
    await repositories.see(id, {
      uuid: facts.id,
      format: facts.version,
      seen: clock.now(),
      damaged: damaged.length,
    })
  }

  /** Other limits of a repository count at once, for what runs already too. */
  limit({ id, options: { upload, download } }: StoredRepository): void {
    this.#rates.get(id)?.upload.set(upload)
    this.#rates.get(id)?.download.set(download)
  }

  /** Forgets a repository that was removed. */
  forget(id: RepositoryId): void {
    this.#rates.delete(id)
  }

  /** The limits of the repository beside those of the caller. */
  #ratesOf({ id, options }: StoredRepository, more: SharedRates = {}): SharedRates {
    let own = this.#rates.get(id)
    if (!own)
      this.#rates.set(id, (own = { upload: new Allowance(options.upload), download: new Allowance(options.download) }))
    return {
      read: more.read ?? [],
      upload: [own.upload, ...(more.upload ?? [])],
      download: [own.download, ...(more.download ?? [])],
    }
  }

  /** What the output of an operation says of the repository. */
  async #learn<N extends OperationName>(id: RepositoryId, operation: N, output: OutputOf<N>): Promise<void> {
    const { catalogue, clock, known } = this.#ports
    const stored = known.find(id)
    if (!stored) return
    const { seen, points } = seenAfter(operation, output, clock.now())
    catalogue.add(id, points?.added ?? [])
    catalogue.remove(id, points?.removed ?? [])
    const recovered = stored.seen.state !== 'ready'
    if (!recovered && !seen && !points) return
    await known.see(id, {
      ...seen,
      ...(recovered ? { state: 'ready', since: clock.now(), error: undefined } : {}),
    })
  }

  async #learnFailure(id: RepositoryId, error: unknown): Promise<void> {
    const { clock, known } = this.#ports
    const stored = known.find(id)
    if (!stored || !isAppError(error)) return
    const state = stateAfter(error.code)
    if (!state) return
    const { seen } = stored
    const failure: Failure = { code: error.code, message: error.message, details: { ...error.details } }
    if (seen.state === state && seen.error?.message === failure.message) return
    await known.see(id, { state, since: seen.state === state ? seen.since : clock.now(), error: failure })
  }
}
