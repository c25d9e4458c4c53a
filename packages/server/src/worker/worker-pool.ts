import { availableParallelism } from 'node:os'
import { Semaphore, MiB, type Log } from '@nixen/core'
import { leastShare, type Allowance } from './allowance.ts'
import type { RepositoryAccess } from './descriptors.ts'
import { Gate } from './gate.ts'
import { operationKinds, type InputOf, type OperationName, type OutputOf } from './operations.ts'
import { type OperationKind } from './operations/operation.ts'
import type { Rates } from './protocol.ts'
import { translateError } from './translate-error.ts'
import { WorkerProcess, type RunOptions, type WorkerLimits } from './worker-process.ts'

export interface WorkerPoolOptions {
  readonly log: Log
  /**
   * Operations that read or write much, at the same time, beside one of each repository: a slow repository never keeps others waiting. One less
   * than there are processors, and at least 1, when left out.
   */
  readonly heavy?: number | undefined
  /** The same in one repository; 2 when left out. */
  readonly heavyPerRepository?: number | undefined
  /** Short operations at the same time; 4 when left out. */
  readonly light?: number | undefined
  /** Disks that are given away at the same time; 32 when left out. */
  readonly held?: number | undefined
  /** Milliseconds that a process without work is kept, with its repository open; 20,000 when left out. */
  readonly idle?: number | undefined
  readonly limits?: WorkerLimits | undefined
  /** File to start; `main.ts` beside this one when left out. */
  readonly entry?: string | undefined
}

/** Where an operation is done. */
export interface Place {
  /** Operations of one key share processes and limits: the id of the repository. */
  readonly key: string
  /** For messages. */
  readonly name: string
  readonly access: RepositoryAccess
}

export interface PoolRunOptions<N extends OperationName> extends RunOptions<N> {
  /** Milliseconds to wait until the repository is free here, for what needs it alone (prune); 10 minutes when left out. */
  readonly patience?: number | undefined
  /** Called when it has its place and begins. */
  readonly started?: (() => void) | undefined
  readonly rates?: SharedRates | undefined
}

/** Limits that an operation shares with others: the least of each kind counts. */
export interface SharedRates {
  /** Of reading disks. */
  readonly read?: readonly Allowance[] | undefined
  /** Of writing to the repository, and of reading from it. */
  readonly upload?: readonly Allowance[] | undefined
  readonly download?: readonly Allowance[] | undefined
}

/** A process with more memory than this is not kept, bytes. */
const keptMemory = 300 * MiB

interface Room {
  readonly gate: Gate
  readonly heavy: Semaphore
  /** The one place that no other repository can take. */
  readonly own: Semaphore
  /** Processes without work, each with its timer. */
  readonly idle: Map<WorkerProcess, NodeJS.Timeout>
  users: number
}

/** The worker processes of a server. One process works for one repository only, and knows the secrets of no other. */
export class WorkerPool implements AsyncDisposable {
  readonly #options: WorkerPoolOptions
  readonly #rooms = new Map<string, Room>()
  readonly #all = new Set<WorkerProcess>()
  readonly #limits: Readonly<Record<'heavy' | 'light' | 'held', Semaphore>>
  readonly #stopping = new AbortController()

  constructor(options: WorkerPoolOptions) {
    this.#options = options
    const { heavy = Math.max(1, availableParallelism() - 1), light = 4, held = 32 } = options
    this.#limits = { heavy: new Semaphore(heavy), light: new Semaphore(light), held: new Semaphore(held) }
  }

  /** Process ids, for metrics and tests. */
  get pids(): readonly number[] {
    return [...this.#all].flatMap(({ pid }) => pid ?? [])
  }

  /** Memory of all processes at their last sign of life, bytes. */
  get memory(): number {
    return [...this.#all].reduce((sum, { rss }) => sum + rss, 0)
  }

  /** What is being done in a repository. */
  inside(key: string): readonly string[] {
    return this.#rooms.get(key)?.gate.inside ?? []
  }

  /**
   * Does an operation in a process of its own, when the limits let it. Cancelled by the signal: what it holds is given back first, and after 15 s it is killed.
   *
   * @throws repository.*, backup.*, disk.*, nbd.*
   */
  async run<N extends OperationName>(
    operation: N,
    place: Place,
    input: InputOf<N>,
    options: PoolRunOptions<N> = {},
  ): Promise<OutputOf<N>> {
    const signal = AbortSignal.any([this.#stopping.signal, ...(options.signal ? [options.signal] : [])])
    const kind: OperationKind = operationKinds[operation]
    const room = this.#room(place.key)
    room.users++
    try {
      // First what only this repository has little of: waiting for it must not take places of others.
      const heavy = kind === 'heavy' || kind === 'exclusive'
      using _entered =
        kind === 'light'
          ? undefined
          : await room.gate.enter({
              what: operation,
              name: place.name,
              exclusive: kind === 'exclusive',
              patience: options.patience ?? 600_000,
              signal,
            })
      using _own = heavy ? await room.heavy.acquire({ signal }) : undefined
      using _place =
        kind === 'light' || kind === 'held'
          ? await this.#limits[kind].acquire({ signal })
          : await acquireEither(room.own, this.#limits.heavy, signal)
      options.started?.()
      return await this.#runIn(room, { operation, place, input, options: { ...options, signal } })
    } catch (error) {
      throw translateError(error, { name: place.name, location: place.access.location })
    } finally {
      room.users--
      this.#forget(place.key, room)
    }
  }

  /** Ends the processes of a repository that have no work: its password or address has changed. */
  async reset(key: string): Promise<void> {
    const room = this.#rooms.get(key)
    if (!room) return
    await Promise.all([...room.idle.keys()].map((worker) => this.#dismiss(room, worker)))
    this.#forget(key, room)
  }

  /** Cancels everything and waits until all processes are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DOMException('the server stops', 'AbortError'))
    for (const { idle } of this.#rooms.values()) for (const timer of idle.values()) clearTimeout(timer)
    await Promise.all([...this.#all].map((worker) => worker.end()))
  }

  async #runIn<N extends OperationName>(
    room: Room,
    { operation, place, input, options }: { operation: N; place: Place; input: InputOf<N>; options: PoolRunOptions<N> },
  ): Promise<OutputOf<N>> {
    const worker = this.#take(room)
    const { read = [], upload = [], download = [] } = options.rates ?? {}
    const rates = (): Rates => ({ read: leastShare(read), upload: leastShare(upload), download: leastShare(download) })
    using joined = new DisposableStack()
    for (const allowance of [...read, ...upload, ...download]) joined.use(allowance.join(() => worker.limit(rates())))
    try {
      return await worker.run(operation, { access: place.access, input, rates: rates() }, options)
    } finally {
      if (worker.usable && worker.rss < keptMemory && !this.#stopping.signal.aborted) this.#keep(room, worker)
      else this.#letGo(worker)
    }
  }

  #room(key: string): Room {
    let room = this.#rooms.get(key)
    if (!room) {
      room = {
        gate: new Gate(),
        heavy: new Semaphore(this.#options.heavyPerRepository ?? 2),
        own: new Semaphore(1),
        idle: new Map(),
        users: 0,
      }
      this.#rooms.set(key, room)
    }
    return room
  }

  #take(room: Room): WorkerProcess {
    for (const [worker, timer] of room.idle) {
      clearTimeout(timer)
      room.idle.delete(worker)
      if (worker.usable) return worker
    }
    const { log, limits, entry } = this.#options
    const worker = new WorkerProcess({ log, limits, entry })
    this.#all.add(worker)
    void this.#untilGone(room, worker)
    return worker
  }

  async #untilGone(room: Room, worker: WorkerProcess): Promise<void> {
    await worker.ended
    this.#all.delete(worker)
    clearTimeout(room.idle.get(worker))
    room.idle.delete(worker)
  }

  #keep(room: Room, worker: WorkerProcess): void {
    const timer = setTimeout(() => this.#letGo(worker), this.#options.idle ?? 20_000)
    timer.unref()
    room.idle.set(worker, timer)
  }

  /** Its end is awaited where the pool ends. */
  #letGo(worker: WorkerProcess): void {
    worker.end().catch((error: unknown) => this.#options.log.error('a worker process did not end', { error }))
  }

  async #dismiss(room: Room, worker: WorkerProcess): Promise<void> {
    clearTimeout(room.idle.get(worker))
    room.idle.delete(worker)
    await worker.end()
  }

  #forget(key: string, room: Room): void {
    if (room.users === 0 && room.idle.size === 0) this.#rooms.delete(key)
  }
}

/** A place of whichever has one first; of `a` when both have. */
async function acquireEither(a: Semaphore, b: Semaphore, signal: AbortSignal): Promise<Disposable> {
  const enough = new AbortController()
  const both = AbortSignal.any([signal, enough.signal])
  const attempt = async (semaphore: Semaphore): Promise<Disposable> => {
    const place = await semaphore.acquire({ signal: both })
    if (enough.signal.aborted) {
      place[Symbol.dispose]()
      throw enough.signal.reason
    }
    enough.abort()
    return place
  }
  try {
    return await Promise.any([attempt(a), attempt(b)])
  } catch {
    // Neither came before the end.
    throw signal.reason
  }
}
