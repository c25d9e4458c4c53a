import { jobErrors, type Run, type RunDetail, type RunId, type RunItem, type Task } from '@nixen/api'
import { Semaphore, type Clock } from '@nixen/core'
import type { ActionTask } from '@nixen/providers'
import type { Tasks } from '../tasks/tasks.ts'
import type { ItemResult, JobKind, RunContext } from './job-kind.ts'
import type { JobStore } from './job-store.ts'
import type { RunRequest } from './jobs.ts'
import type { Selected } from './select.ts'

export interface JobRunOptions {
  readonly context: RunContext
  readonly objects: readonly Selected[]
  readonly kind: JobKind
  readonly request: RunRequest
  readonly tasks: Tasks
  readonly store: JobStore
  readonly clock: Clock
  /** Does the work on one object, with its retries. */
  readonly attempt: (
    context: RunContext,
    what: { readonly kind: JobKind; readonly object: Selected },
    task: ActionTask,
  ) => Promise<ItemResult | void>
}

/** One run: a task for the whole, one for each object, and what came of each, written down as it happens. */
export class JobRun {
  readonly id: RunId
  readonly #options: JobRunOptions
  readonly #items: RunItem[]
  readonly #begun = Promise.withResolvers<void>()
  #run: Run
  #task: Task | undefined
  /** Set by who began it: resolves when everything is written down. */
  ended: Promise<unknown> = Promise.resolve()

  constructor(options: JobRunOptions) {
    const { context, objects, request, clock } = options
    this.#options = options
    // Made by who asks for the run.
    this.id = context.run as RunId
    this.#items = objects.map(({ id, name, outside }) => ({
      ...(outside ? {} : { id }),
      name,
      state: 'waiting',
      notes: [],
    }))
    this.#run = {
      id: this.id,
      job: context.job.id,
      jobName: context.job.name,
      ...(context.schedule ? { schedule: context.schedule.name } : {}),
      trigger: request.trigger,
      ...(request.by === undefined ? {} : { by: request.by }),
      state: 'running',
      started: clock.now(),
      objects: objects.length,
      done: 0,
      failed: 0,
    }
  }

  /** Resolves when it is written down and its task is there. */
  get begun(): Promise<void> {
    return this.#begun.promise
  }

  get task(): Task['id'] {
    if (!this.#task) throw new TypeError('The run has not begun.')
    return this.#task.id
  }

  get detail(): RunDetail {
    return { ...this.#run, items: this.#items }
  }

  /** Runs to the end. */
  async begin(): Promise<RunDetail> {
    const { context, tasks, store, clock } = this.#options
    try {
      await store.putRun(this.#run)
      const { job, who } = context
      const request = { name: `Run ${job.name}`, action: 'job.run', on: [], by: who.user.id }
      this.#task = await tasks.run(request, async (task) => await this.#all(task))
      this.#run = { ...this.#run, task: this.#task.id }
      await store.putRun(this.#run)
      this.#begun.resolve()
    } catch (error) {
      this.#begun.reject(error)
      throw error
    }
    const end = await tasks.ended(this.#task.id)
    const state = stateOf(end, this.#items)
    this.#run = { ...this.#run, ...this.#sums(), state, finished: clock.now(), summary: summaryOf(state, this.#items) }
    await store.putRun(this.#run)
    return this.detail
  }

  async #all(task: ActionTask): Promise<void> {
    const { objects, context, kind } = this.#options
    // Its id is needed by the tasks of the objects.
    await this.begun
    const gate = new Semaphore(context.job.limits.atOnce)
    let ended = 0
    await Promise.all(
      objects.map(async (object, place) => {
        try {
          using _place = await gate.acquire({ signal: task.signal })
          await this.#one(object, place, task)
        } catch (error) {
          if (!task.signal.aborted) throw error
          await this.#put(place, { state: 'cancelled' })
        }
        ended++
        task.progress(ended / objects.length, `${ended} of ${objects.length}`)
      }),
    )
    if (kind.finish && !task.signal.aborted) await kind.finish(context, task)
    task.signal.throwIfAborted()
    const failed = this.#items.filter(({ state }) => state === 'failed')
    if (failed.length === 0) return
    const [first] = failed
    const reason = `${first?.name ?? ''}: ${first?.error?.message ?? ''}`
    throw jobErrors.failed({ failed: failed.length, of: objects.length, first: reason })
  }

  /** The work on one object, as a task of its own that is cancelled with the whole. */
  async #one(object: Selected, place: number, whole: ActionTask): Promise<void> {
    const { context, kind, tasks, clock, attempt } = this.#options
    const refused = kind.refuse(context, object)
    if (refused !== undefined) {
      await this.#put(place, { state: 'skipped', notes: [refused] })
      return
    }
    let result: ItemResult | undefined
    const request = {
      name: `${context.job.name}: ${object.name}`,
      action: `job.${context.job.work.kind}`,
      on: object.outside ? [] : [object.id],
      by: context.who.user.id,
      parent: this.task,
    }
    await this.#put(place, { state: 'running' })
    const { id } = await tasks.run(request, async (task) => {
      result = (await attempt(context, { kind, object }, task)) ?? undefined
      return undefined
    })
    await this.#put(place, { task: id, started: clock.now() })
    const cancel = (): void => tasks.cancelIfRunning(id)
    whole.signal.addEventListener('abort', cancel, { once: true })
    const { timeout: after } = context.job.limits
    const inTime = new AbortController()
    const giveUp = (): void => tasks.giveUp(id, jobErrors.timed_out({ after }))
    const late = clock.sleep(after, { signal: inTime.signal }).then(giveUp, () => undefined)
    const end = await tasks.ended(id)
    inTime.abort()
    await late
    whole.signal.removeEventListener('abort', cancel)
    const { warned, ...facts } = result ?? {}
    const state =
      end?.state === 'succeeded'
        ? warned
          ? 'warned'
          : 'succeeded'
        : end?.state === 'cancelled'
          ? 'cancelled'
          : 'failed'
    await this.#put(place, { ...facts, state, finished: clock.now(), ...(end?.error ? { error: end.error } : {}) })
  }

  async #put(place: number, changes: Partial<RunItem>): Promise<void> {
    const before = this.#items[place]
    if (!before) return
    const item: RunItem = { ...before, ...changes }
    this.#items[place] = item
    this.#run = { ...this.#run, ...this.#sums() }
    await this.#options.store.putItem(this.id, place, item)
  }

  #sums(): Pick<Run, 'done' | 'failed' | 'read' | 'written'> {
    const count = (states: readonly string[]): number =>
      this.#items.filter(({ state }) => states.includes(state)).length
    const sum = (key: 'read' | 'written'): number => this.#items.reduce((all, item) => all + (item[key] ?? 0), 0)
    return {
      done: count(['succeeded', 'warned', 'skipped']),
      failed: count(['failed']),
      read: sum('read'),
      written: sum('written'),
    }
  }
}

/** A run is only called a success when everything in it was one. */
function stateOf(task: Task | undefined, items: readonly RunItem[]): Run['state'] {
  if (task?.state === 'cancelled') return 'cancelled'
  if (task?.error?.code === 'task.interrupted') return 'interrupted'
  if (task?.state !== 'succeeded') return 'failed'
  // Somebody cancelled the task of one object: it has no new restore point.
  if (items.some((item) => item.state === 'cancelled')) return 'cancelled'
  return items.some(({ state, notes }) => state === 'warned' || (state === 'skipped' && notes.length > 0))
    ? 'warned'
    : 'succeeded'
}

function summaryOf(state: Run['state'], items: readonly RunItem[]): string {
  const failed = items.filter((item) => item.state === 'failed')
  const [first] = failed
  const good = items.filter((item) => item.state === 'succeeded' || item.state === 'warned').length
  if (state === 'cancelled') return `Cancelled: ${good} of ${items.length} were done.`
  if (first)
    return `${failed.length} of ${items.length} failed; ${first.name}: ${first.error?.message ?? 'no reason is known'}`
  const skipped = items.filter((item) => item.state === 'skipped').length
  return `${good} of ${items.length} done${skipped === 0 ? '' : `, ${skipped} left out`}.`
}
