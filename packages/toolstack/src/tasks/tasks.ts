import { messageOf, type Clock, type Log } from '@nixen/core'
import { XapiError } from '@nixen/xapi'
import type { Database } from '../db/database.ts'
import { nullRef } from '../db/ref.ts'
import { errorOf } from '../dispatch/answer.ts'
import type { Ref, Rows } from '../generated/rows.ts'

/** What a task works on. */
export interface TaskHandle {
  /** The row, or a `DummyRef` for a call without one; the key in `current_operations`. */
  readonly id: string
  readonly ref: Ref<'task'> | undefined
  /** Aborted with `TASK_CANCELLED` when the task is cancelled, and when the toolstack stops. */
  readonly signal: AbortSignal
  /** Says how far the work is, 0 to 1. */
  readonly progress: (done: number) => void
}

const completedLifetime = 65 * 60_000
const pendingLifetime = 24 * 3_600_000
const maxTasks = 200

/** The work under way and its rows. */
export class Tasks {
  readonly #db: Database
  readonly #clock: Clock
  readonly #log: Log
  readonly #signal: AbortSignal
  readonly #controllers = new Map<string, AbortController>()
  readonly #running = new Set<Promise<void>>()

  constructor(options: { db: Database; clock: Clock; log: Log; signal: AbortSignal }) {
    this.#db = options.db
    this.#clock = options.clock
    this.#log = options.log
    this.#signal = options.signal
  }

  /** A pending task; `values` may name its session and parent. */
  create(name: string, values: Partial<Rows['task']> = {}): Ref<'task'> {
    this.collect()
    return this.#db.insert('task', {
      name_label: name,
      created: this.#clock.now(),
      finished: 0,
      status: 'pending',
      progress: 0,
      type: '<none/>',
      result: '',
      error_info: [],
      backtrace: '()',
      allowed_operations: [],
      resident_on: nullRef,
      ...values,
    })
  }

  /** A handle for work that has no row. */
  dummy(name: string): TaskHandle {
    return {
      id: `DummyRef:|${this.#db.newUuid()}|task=${name}`,
      ref: undefined,
      signal: this.#signal,
      progress: () => undefined,
    }
  }

  /** Does `work` in the background and writes its end into the task. `work` returns the XML-RPC text of the result. */
  start(ref: Ref<'task'>, work: (task: TaskHandle) => Promise<string>): void {
    const controller = new AbortController()
    this.#controllers.set(ref, controller)
    this.#db.update(ref, { allowed_operations: ['cancel'] })
    const handle: TaskHandle = {
      id: ref,
      ref,
      signal: AbortSignal.any([controller.signal, this.#signal]),
      progress: (done) => this.#progress(ref, done),
    }
    const run = this.#run(handle, ref, work).finally(() => {
      this.#controllers.delete(ref)
      this.#running.delete(run)
    })
    this.#running.add(run)
  }

  async #run(handle: TaskHandle, ref: Ref<'task'>, work: (task: TaskHandle) => Promise<string>): Promise<void> {
    try {
      this.succeed(ref, await work(handle))
    } catch (error) {
      if (!(error instanceof XapiError)) this.#log.warn('task failed', { task: ref, error: String(error) })
      this.fail(ref, error)
    }
    this.#collectMarked(ref)
    try {
      this.#db.commit()
    } catch (error) {
      // What could not be written is written with the next change; calls that wait for it say so.
      this.#log.error('state not written', { task: ref, error: messageOf(error) })
    }
  }

  /** Ends a task well. The order of the writes is the host's; watchers wait for `status`. */
  succeed(ref: Ref<'task'>, result: string): void {
    if (!this.#isOpen(ref)) return
    this.#db.update(ref, { allowed_operations: [] })
    this.#db.update(ref, { finished: this.#clock.now() })
    this.#db.update(ref, { progress: 1, result })
    this.#db.update(ref, { status: 'success' })
  }

  /** Ends a task with an error; `TASK_CANCELLED` makes it cancelled. */
  fail(ref: Ref<'task'>, error: unknown): void {
    if (!this.#isOpen(ref)) return
    const { code, params } = errorOf(error)
    this.#db.update(ref, { progress: 1 })
    this.#db.update(ref, { error_info: [code, ...params], backtrace: '()' })
    this.#db.update(ref, { finished: this.#clock.now(), allowed_operations: [] })
    this.#db.update(ref, { status: code === 'TASK_CANCELLED' ? 'cancelled' : 'failure' })
  }

  /** Asks a task to stop; one that can't be cancelled finishes normally. */
  cancel(ref: Ref<'task'>): void {
    const task = this.#db.get('task', ref)
    if (task.status !== 'pending') return
    this.#db.update(ref, {
      current_operations: {
        ...task.current_operations,
        [`DummyRef:|${this.#db.newUuid()}|task=task.cancel`]: 'cancel',
      },
    })
    this.#controllers.get(ref)?.abort(new XapiError('TASK_CANCELLED', [ref]))
  }

  /** Removes a finished task; an unfinished one is only marked, and removed when it ends. */
  destroy(ref: Ref<'task'>): void {
    const task = this.#db.get('task', ref)
    if (task.status === 'pending' || task.status === 'cancelling') {
      this.#db.update(ref, { current_operations: { ...task.current_operations, task: 'destroy' } })
      return
    }
    this.#db.remove(ref)
  }

  /** Drops old tasks, as the host's collector does. */
  collect(): void {
    const now = this.#clock.now()
    const completed: { ref: Ref<'task'>; finished: number }[] = []
    for (const { ref, values } of this.#db.rows('task')) {
      if (values.status !== 'pending') completed.push({ ref, finished: values.finished })
      else if (now - values.created > pendingLifetime && !this.#controllers.has(ref)) this.#db.remove(ref)
    }
    completed.sort((a, b) => a.finished - b.finished)
    let excess = this.#db.count('task') - maxTasks + 1
    for (const { ref, finished } of completed) {
      if (excess-- <= 0 && now - finished <= completedLifetime) break
      this.#db.remove(ref)
    }
  }

  /** Waits until nothing runs. The signal the tasks were made with stops them. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
  }

  #isOpen(ref: Ref<'task'>): boolean {
    const status = this.#db.find('task', ref)?.status
    return status === 'pending' || status === 'cancelling'
  }

  #progress(ref: Ref<'task'>, done: number): void {
    if (this.#isOpen(ref)) this.#db.update(ref, { progress: Math.min(1, Math.max(0, done)) })
  }

  #collectMarked(ref: Ref<'task'>): void {
    const task = this.#db.find('task', ref)
    if (task && Object.hasOwn(task.current_operations, 'task')) this.#db.remove(ref)
  }
}
