import {
  jobErrors,
  newOwnId,
  type Job,
  type JobId,
  type NewJob,
  type ResourceId,
  type Run,
  type RunDetail,
  type RunId,
  type RunItem,
  type Schedule,
  type Task,
  type UserId,
} from '@nixen/api'
import { isAppError, messageOf, retry, type Clock, type Log } from '@nixen/core'
import type { ActionTask } from '@nixen/providers'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Principal } from '../auth/principal.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { Tasks } from '../tasks/tasks.ts'
import type { JobKind, JobKinds, RunContext } from './job-kind.ts'
import type { JobStore, RunFilter, StoredJob } from './job-store.ts'
import { JobRun } from './job-run.ts'
import { checkSequence, followers } from './sequence.ts'
import { timesOf } from './schedule.ts'
import { selectObjects, type Selected } from './select.ts'

export interface JobPorts {
  readonly store: JobStore
  readonly tasks: Tasks
  readonly inventory: Inventory
  readonly authenticator: Pick<Authenticator, 'as'>
  readonly kinds: JobKinds
  readonly clock: Clock
  readonly log: Log
  /** Told of each run that has ended: for reports. Must not throw. */
  readonly onEnded?: (job: StoredJob, run: Run, items: readonly RunItem[]) => void
  /** Refuses channels that there are not. */
  readonly checkChannels?: (channels: NewJob['channels']) => void
}

/** What asks for a run. */
export interface RunRequest {
  readonly trigger: Run['trigger']
  readonly schedule?: string | undefined
  readonly by?: UserId | undefined
  /** Only with these of its objects. */
  readonly only?: readonly ResourceId[] | undefined
}

/** Jobs: what to do, with what. When is the scheduler's. */
export class Jobs {
  readonly #ports: JobPorts
  readonly #running = new Map<JobId, JobRun>()
  readonly #listeners = new Set<() => void>()
  readonly #removed = new Set<(id: JobId) => void>()

  constructor(ports: JobPorts) {
    this.#ports = ports
  }

  /** Ends in the books what an earlier process did not. */
  async start(): Promise<void> {
    const { store, clock, onEnded } = this.#ports
    for (const run of await store.openRuns()) {
      const summary =
        'Nixen was stopped while it ran. What it had begun is cleaned up; the next run goes on from there.'
      const finished = clock.now()
      await store.interruptItems(run.id, finished)
      await store.putRun({ ...run, state: 'interrupted', finished, summary })
      const [job, detail] = [await store.get(run.job), await store.run(run.id)]
      if (job && detail) onEnded?.(job, detail, detail.items)
    }
  }

  /** Calls `listener` when a job is made, changed or removed. */
  onChanged(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Calls `listener` with each job that was deleted. */
  onRemoved(listener: (id: JobId) => void): void {
    this.#removed.add(listener)
  }

  async list(): Promise<readonly Job[]> {
    return await Promise.all((await this.#ports.store.all()).map(async (job) => await this.#show(job)))
  }

  /** @throws job.not_found */
  async get(id: JobId): Promise<Job> {
    return await this.#show(await this.stored(id))
  }

  /** @throws job.not_found */
  async stored(id: JobId): Promise<StoredJob> {
    const job = await this.#ports.store.get(id)
    if (!job) throw jobErrors.not_found({ id })
    return job
  }

  async all(): Promise<readonly StoredJob[]> {
    return await this.#ports.store.all()
  }

  /** @throws job.bad_schedule, job.unsupported, query.invalid */
  async create(wanted: NewJob, owner: Principal): Promise<Job> {
    const id: JobId = newOwnId<'job'>()
    return await this.#save({ ...wanted, id, owner: owner.user.id, created: this.#ports.clock.now() }, owner)
  }

  /** Replaces a job; whoever changes it is its owner then. */
  async update(id: JobId, wanted: NewJob, owner: Principal): Promise<Job> {
    const { created } = await this.stored(id)
    return await this.#save({ ...wanted, id, owner: owner.user.id, created }, owner)
  }

  async enable(id: JobId, enabled: boolean): Promise<Job> {
    await this.#ports.store.put({ ...(await this.stored(id)), enabled })
    this.#tell()
    return await this.get(id)
  }

  /** @throws job.running */
  async remove(id: JobId): Promise<void> {
    const job = await this.stored(id)
    const running = this.#running.get(id)
    if (running) throw jobErrors.running({ name: job.name, task: running.task })
    await this.#ports.store.remove(id)
    for (const listener of this.#removed) listener(id)
    this.#tell()
  }

  /** What a job would do now, object by object. */
  async preview(job: NewJob, who: Principal) {
    await this.#check(job, who)
    const stored = this.#draft(job, who)
    const kind = this.#kindOf(stored)
    const items = this.#objects(stored, who).map((object) => {
      const refused = kind.refuse({ job: stored, who }, object)
      return refused === undefined ? object : Object.assign({ refused }, object)
    })
    return { items, next: this.#upcoming(job.schedules), does: kind.describe(stored.work) }
  }

  /** Begins a run. @throws job.not_found, running, nothing_selected, owner_gone, bad_schedule */
  async run(id: JobId, request: RunRequest): Promise<{ readonly run: RunId; readonly task: Task['id'] }> {
    const job = await this.stored(id)
    const running = this.#running.get(id)
    if (running) throw jobErrors.running({ name: job.name, task: running.task })
    const who = await this.#ownerOf(job)
    const schedule = job.schedules.find(({ name }) => name === request.schedule)
    if (request.schedule !== undefined && !schedule) {
      throw jobErrors.bad_schedule({ schedule: request.schedule, reason: 'the job has none of that name.' })
    }
    const only = request.only && new Set(request.only)
    const objects = this.#objects(job, who).filter((object) => !only || only.has(object.id))
    if (objects.length === 0) throw jobErrors.nothing_selected({ name: job.name })
    const context: RunContext = { job, schedule, run: newOwnId<'run'>(), who }
    const kind = this.#kindOf(job)
    // Who names objects means these.
    const chosen = kind.choose && !only ? await kind.choose(context, objects) : objects
    return await this.#begin(context, chosen, request)
  }

  /** Waits until the run of a job that goes on now has ended. */
  async ended(id: JobId): Promise<void> {
    await this.#running.get(id)?.ended
  }

  isRunning(id: JobId): boolean {
    return this.#running.has(id)
  }

  async runs(filter: RunFilter): Promise<readonly Run[]> {
    return await this.#ports.store.runs(filter)
  }

  /** @throws job.no_run */
  async runDetail(id: RunId): Promise<RunDetail> {
    for (const running of this.#running.values()) if (running.id === id) return running.detail
    const found = await this.#ports.store.run(id)
    if (!found) throw jobErrors.no_run({ id })
    return found
  }

  async #begin(context: RunContext, objects: readonly Selected[], request: RunRequest) {
    const { tasks, store, clock } = this.#ports
    const kind = this.#kindOf(context.job)
    const run = new JobRun({ context, objects, kind, request, tasks, store, clock, attempt: this.#attempt })
    this.#running.set(context.job.id, run)
    const finished = this.#toItsEnd(run, context)
    run.ended = finished.finally(() => this.#running.delete(context.job.id))
    try {
      await run.begun
    } catch (error) {
      await run.ended
      throw error
    }
    return { run: run.id, task: run.task }
  }

  /** Runs it, tells of its end, and begins what comes after it. */
  async #toItsEnd(run: JobRun, { job }: RunContext): Promise<void> {
    const { log, onEnded } = this.#ports
    try {
      const detail = await run.begin()
      onEnded?.(job, detail, detail.items)
      // What comes after it finds it ended.
      this.#running.delete(job.id)
      await this.#follow(job, detail)
    } catch (error) {
      log.error('a run could not be written down', { run: run.id, error: messageOf(error) })
    }
  }

  /** Begins the jobs that run after this one. */
  async #follow({ id, name }: StoredJob, { state }: Run): Promise<void> {
    const { store, log } = this.#ports
    for (const next of followers(await store.all(), id, state)) {
      await this.run(next.id, { trigger: 'sequence' }).catch((error: unknown) =>
        log.warn('a job could not be begun after another', { job: next.id, after: name, error: messageOf(error) }),
      )
    }
  }

  /** Does the work on one object, again after failures that may pass. */
  readonly #attempt = async (
    context: RunContext,
    { kind, object }: { readonly kind: JobKind; readonly object: Selected },
    task: ActionTask,
  ) => {
    const { retries, pause } = context.job.limits
    const { clock } = this.#ports
    let failed: unknown
    const work = async (attempt: number) => {
      // What the attempt before began is not to be in the way of this one, and not to be forgotten when this one succeeds.
      if (attempt > 0) await task.takeBack?.(failed)
      return await kind.work(context, object, task)
    }
    return await retry(work, {
      clock,
      attempts: retries + 1,
      base: pause,
      max: pause * 8,
      signal: task.signal,
      when: (error) => isAppError(error) && error.retryable,
      onRetry: (error) => {
        failed = error
        task.log(`It failed and is tried again: ${messageOf(error)}`)
      },
    })
  }

  async #save(job: StoredJob, owner: Principal): Promise<Job> {
    await this.#check(job, owner)
    checkSequence(await this.#ports.store.all(), job)
    await this.#ports.store.put(job)
    this.#tell()
    return await this.get(job.id)
  }

  async #check(job: NewJob, who: Principal): Promise<void> {
    const names = job.schedules.map(({ name }) => name)
    for (const schedule of job.schedules) timesOf(schedule)
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice !== undefined) throw jobErrors.bad_schedule({ schedule: twice, reason: 'the name is there twice.' })
    const draft = this.#draft(job, who)
    await this.#kindOf(draft).check(draft.work)
    this.#ports.checkChannels?.(job.channels)
    this.#objects(draft, who)
  }

  #draft(job: NewJob, who: Principal): StoredJob {
    return { ...job, id: newOwnId<'job'>(), owner: who.user.id, created: 0 }
  }

  #objects(job: StoredJob, who: Principal): readonly Selected[] {
    const kind = this.#kindOf(job)
    const own = kind.objects?.(job.work)
    if (own) return own
    const type = kind.typeOf(job.work)
    return selectObjects(this.#ports, job.selection, { type, who })
  }

  #kindOf({ work }: StoredJob): JobKind {
    const kind = this.#ports.kinds[work.kind]
    if (!kind) throw jobErrors.unsupported({ kind: work.kind, reason: 'this version does not have it.' })
    // Found by its kind, so that it takes the work of that kind.
    return kind as unknown as JobKind
  }

  async #ownerOf(job: StoredJob): Promise<Principal> {
    try {
      return await this.#ports.authenticator.as(job.owner)
    } catch (cause) {
      throw jobErrors.owner_gone({ name: job.name }, { cause })
    }
  }

  async #show(job: StoredJob): Promise<Job> {
    const [next] = job.enabled ? this.#upcoming(job.schedules, 1) : []
    const [last] = await this.#ports.store.runs({ job: job.id, limit: 1 })
    const running = this.#running.get(job.id)
    const objects = await this.#countOf(job)
    return {
      ...job,
      ...(next ? { next: next.at } : {}),
      ...(last ? { last: lastOf(last) } : {}),
      ...(running ? { running: running.task } : {}),
      ...(objects === undefined ? {} : { objects }),
    }
  }

  async #countOf(job: StoredJob): Promise<number | undefined> {
    try {
      return this.#objects(job, await this.#ownerOf(job)).length
    } catch {
      // The owner is gone, or the query no longer fits: the run says which.
      return undefined
    }
  }

  /** The next times of schedules that count. */
  #upcoming(schedules: readonly Schedule[], limit = 20): { readonly schedule: string; readonly at: number }[] {
    const found: { schedule: string; at: number }[] = []
    for (const schedule of schedules) {
      if (!schedule.enabled) continue
      const times = timesOf(schedule)
      let at = times.next(this.#ports.clock.now())
      for (let i = 0; i < limit && at !== undefined; i++, at = times.next(at))
        found.push({ schedule: schedule.name, at })
    }
    return found.sort((a, b) => a.at - b.at).slice(0, limit)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

function lastOf({ id, state, started, finished }: Run): NonNullable<Job['last']> {
  return { run: id, state, started, ...(finished === undefined ? {} : { finished }) }
}
