import {
  connectionOfId,
  formatId,
  newOwnId,
  ownConnection,
  requestErrors,
  taskErrors,
  type ConnectionId,
  type Failure,
  type ResourceId,
  type Task,
  type TaskId,
  type TaskLine,
  type UserId,
} from '@nixen/api'
import { isAppError, messageOf, type Clock, type Log } from '@nixen/core'
import type { ActionResult, ActionTask, ProviderSession } from '@nixen/providers'
import { logContext } from '../http/log-context.ts'
import type { Inventory } from '../inventory/inventory.ts'
import { RunningTask } from './running-task.ts'
import type { TaskStore } from './task-store.ts'
import type { UndoJournal } from './undo-journal.ts'

/** What is asked for. */
export interface TaskRequest {
  /** For people: "Start web-01". */
  readonly name: string
  /** For programs: `vm.start`. */
  readonly action: string
  /** Objects that it works on. */
  readonly on: readonly ResourceId[]
  readonly by?: UserId | undefined
  readonly parent?: TaskId | undefined
  /** Connection whose janitor undoes its steps; that of the first object when left out. */
  readonly connection?: ConnectionId | undefined
}

/** Does the work of a task. */
export type Work = (task: ActionTask) => Promise<ActionResult | undefined | void>

export interface TaskPorts {
  readonly store: TaskStore
  readonly journal: UndoJournal
  readonly inventory: Inventory
  readonly clock: Clock
  readonly log: Log
  readonly session: (connection: ConnectionId) => ProviderSession
}

/** Ended tasks that are shown; older ones are in the database alone. */
const shown = 1000
/** How long ended tasks are kept in the database, in milliseconds. */
const kept = 90 * 24 * 3600 * 1000

/** How long a stop waits for tasks to clean up after themselves, in milliseconds. What they leave is undone after the next start. */
const stopPatience = 10_000

/**
 * The tasks of Nixen itself: written down before they begin, shown in the inventory while they run and for a while after, and ended in
 * the books whatever happens: what a stop or a crash interrupts is told so at the next start.
 */
export class Tasks implements AsyncDisposable {
  readonly #ports: TaskPorts
  readonly #running = new Map<TaskId, RunningTask>()
  /** Ended tasks that are in the inventory, oldest first. */
  readonly #ended: TaskId[] = []

  constructor(ports: TaskPorts) {
    this.#ports = ports
  }

  /** Shows what earlier runs left; ends what they did not. Steps of interrupted tasks stay in the journal for the janitor. */
  async start(): Promise<void> {
    const { store, clock } = this.#ports
    await store.forgetBefore(clock.now() - kept)
    const { open, ended } = await store.recent(shown)
    for (const task of ended.toReversed()) this.#show(task)
    for (const task of open) {
      const now = clock.now()
      const cut: Task = { ...task, state: 'failed', cancellable: false, finished: now, error: interrupted(task.id) }
      await store.put(cut)
      this.#show(cut)
    }
  }

  /** Writes a task down and begins it; answers when it is written, not when it is done. */
  async run(request: TaskRequest, work: Work): Promise<Task> {
    const [task] = await this.runAll([{ request, work }])
    if (!task) throw new TypeError('One request makes one task.')
    return task
  }

  /** The same for many at once, in one transaction. */
  async runAll(list: readonly { readonly request: TaskRequest; readonly work: Work }[]): Promise<readonly Task[]> {
    const made = list.map(({ request, work }) => ({ task: this.#make(request), request, work }))
    await this.#ports.store.add(made.map(({ task }) => task))
    for (const { task, request, work } of made) {
      const running = this.#begin(task, request)
      // Lines of the log that the work writes are the task's, and those of the request that began it.
      running.ended = logContext.run({ ...logContext.getStore(), task: task.id }, () => this.#work(running, work))
    }
    return made.map(({ task }) => task)
  }

  /** Resolves when a task has ended, with how. */
  async ended(id: TaskId): Promise<Task | undefined> {
    await this.#running.get(id)?.ended
    return this.#ports.inventory.get('task', id)
  }

  /** Tells a task to stop. @throws task.not_cancellable */
  cancel(id: TaskId): Task {
    const running = this.#running.get(id)
    if (!running?.cancel()) throw taskErrors.not_cancellable({ id })
    return running.task
  }

  /** The same, where a task that has ended meanwhile is as good. */
  cancelIfRunning(id: TaskId): void {
    this.#running.get(id)?.cancel()
  }

  /** Stops a task for a reason that makes it a failure; nothing when it has ended meanwhile. */
  giveUp(id: TaskId, reason: Error): void {
    this.#running.get(id)?.giveUp(reason)
  }

  /** What was done before a time, the newest first. */
  history(before: number): AsyncGenerator<Task, void> {
    return this.#ports.store.before(before)
  }

  /** The log of a task of Nixen. */
  async lines(id: TaskId): Promise<readonly TaskLine[]> {
    return await this.#ports.store.lines(id)
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ ended }) => ended))
  }

  /** Cancels everything and waits until it has ended; not for long, since a host may not answer: {@link idle}, when sessions are closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#running.values()) running.stop()
    const enough = new AbortController()
    const patience = this.#ports.clock.sleep(stopPatience, { signal: enough.signal }).catch(() => undefined)
    await Promise.race([this.idle(), patience])
    enough.abort()
  }

  #make({ name, action, on, by, parent }: TaskRequest): Task {
    const now = this.#ports.clock.now()
    return {
      id: formatId({ type: 'task', connection: ownConnection, key: newOwnId<'task'>() }),
      connection: ownConnection,
      name,
      action,
      state: 'running',
      on: [...on],
      ...(by === undefined ? {} : { user: by }),
      ...(parent === undefined ? {} : { parent }),
      cancellable: true,
      created: now,
      started: now,
    }
  }

  #begin(task: Task, { connection, on }: TaskRequest): RunningTask {
    const { store, inventory, journal, clock, session } = this.#ports
    const [first] = on
    const running = new RunningTask(task, {
      clock,
      publish: (changed) => inventory.put('task', changed),
      addLine: async (seq, line) => await store.addLine(task.id, seq, line),
      writeUndo: async (step, other) =>
        await journal.write(step, {
          task: task.id,
          connection: other ?? connection ?? (first === undefined ? ownConnection : connectionOfId(first)),
        }),
      takeBack: async (error) => {
        for (const { what, failure } of await journal.takeBack(task.id, { cut: wasCut(error) }))
          running.log(`Not undone yet: ${what} (${failure ?? 'unknown'}). It is tried again later.`)
      },
      session,
    })
    journal.begin(task.id)
    this.#running.set(task.id, running)
    inventory.put('task', task)
    return running
  }

  async #work(running: RunningTask, work: Work): Promise<void> {
    const { store, journal, clock, log } = this.#ports
    const { id, action } = running.task
    let end: Partial<Task>
    log.info('task started', { action })
    try {
      const result = await work(running)
      await journal.keep(id)
      end = { state: 'succeeded', progress: 1, ...(result?.made ? { made: [...result.made] } : {}) }
    } catch (error) {
      await this.#undo(id, running, wasCut(error))
      const { givenUp, stopped, signal } = running
      const cancelled = signal.aborted && signal.reason === error && !givenUp && !stopped
      end = { state: cancelled ? 'cancelled' : 'failed', error: this.#failure(givenUp ?? error, running) }
    }
    try {
      const finished = running.end({ ...end, finished: clock.now() })
      await running.written()
      await store.put(finished)
      this.#show(finished)
      const { state, error } = finished
      log.info('task ended', { action, state, ...(error ? { code: error.code, message: error.message } : {}) })
    } catch (error) {
      // The database is full or gone: the end is shown all the same, and told as interrupted at the next start.
      log.error('the end of a task could not be written down', { task: id, error: messageOf(error) })
      this.#show({ ...running.task, ...end, finished: clock.now(), cancellable: false })
    } finally {
      this.#running.delete(id)
    }
  }

  async #undo(id: TaskId, running: RunningTask, cut: boolean): Promise<void> {
    try {
      for (const { what, failure } of await this.#ports.journal.undo(id, { cut })) {
        running.log(`Not undone yet: ${what} (${failure ?? 'unknown'}). It is tried again later.`)
      }
    } catch (error) {
      this.#ports.log.error('undoing failed', { task: id, error: messageOf(error) })
    }
  }

  #failure(error: unknown, { task, stopped }: RunningTask): Failure {
    if (stopped) return interrupted(task.id)
    if (isAppError(error)) return { code: error.code, message: error.message, details: { ...error.details } }
    if (error instanceof DOMException && error.name === 'AbortError')
      return failureOf(taskErrors.cancelled({ id: task.id }))
    this.#ports.log.error('a task failed unexpectedly', { task: task.id, error })
    return failureOf(requestErrors.internal({ requestId: task.id }))
  }

  /** Puts an ended task into the inventory, and takes the oldest one out when there are too many. */
  #show(task: Task): void {
    const { inventory } = this.#ports
    inventory.put('task', task)
    this.#ended.push(task.id)
    if (this.#ended.length <= shown) return
    const oldest = this.#ended.shift()
    if (oldest !== undefined) inventory.remove('task', oldest)
  }
}

/** Whether a process of ours was killed, which may have asked a host for something. */
function wasCut(error: unknown): boolean {
  return isAppError(error) && error.code.startsWith('repository.worker_')
}

function interrupted(id: TaskId): Failure {
  return failureOf(taskErrors.interrupted({ id }))
}

function failureOf({ code, message, details }: { code: string; message: string; details: object }): Failure {
  return { code, message, details: { ...details } }
}
