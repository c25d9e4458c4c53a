import { isAbort, type Clock } from '@nixen/core'
import type { XapiChanges } from '../events/changes.ts'
import { xapiErrors } from '../errors.ts'
import type { TaskRecord } from '../generated/records.ts'
import type { Ref } from '../values/ref.ts'

export interface TaskWatchPorts {
  /** The changes of all tasks, until `signal` fires. */
  changes(signal: AbortSignal): AsyncIterable<XapiChanges<'task'>>
  /** Whether the host knows a task. */
  exists(ref: Ref<'task'>, signal: AbortSignal): Promise<boolean>
  readonly clock: Clock
}

interface Waiter {
  onRecord(record: TaskRecord): void
  onEnd(outcome: { readonly record: TaskRecord } | { readonly error: unknown }): void
}

/** How long the subscription goes on after the last task that was waited for has ended, in milliseconds. */
const linger = 15_000
/** A task that no event has told of after this time is asked for, in milliseconds. */
const patience = 2000

/** One subscription to tasks for everybody who waits for one. It runs while somebody waits, and a little longer. */
export class TaskWatch implements AsyncDisposable {
  readonly #ports: TaskWatchPorts
  readonly #records = new Map<Ref<'task'>, TaskRecord>()
  readonly #waiters = new Map<Ref<'task'>, Set<Waiter>>()
  #running: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined
  #idle: NodeJS.Timeout | undefined
  #closed = false

  constructor(ports: TaskWatchPorts) {
    this.#ports = ports
  }

  /**
   * Resolves with the record of a task that has ended; `onRecord` is told of every state on the way. Aborting `signal` ends the wait only.
   *
   * @throws xapi.task_lost when the task goes away first, what reading events failed with for good
   */
  async wait(
    ref: Ref<'task'>,
    { signal, onRecord }: { signal?: AbortSignal | undefined; onRecord?: ((record: TaskRecord) => void) | undefined },
  ): Promise<TaskRecord> {
    if (this.#closed) throw xapiErrors.closed({ what: 'The session' })
    signal?.throwIfAborted()
    const done = new AbortController()
    try {
      return await new Promise<TaskRecord>((resolve, reject) => {
        const onAbort = (): void => reject(signal?.reason as Error)
        signal?.addEventListener('abort', onAbort, { once: true, signal: done.signal })
        this.#add(ref, done.signal, {
          onRecord: (record) => onRecord?.(record),
          onEnd: (outcome) => ('record' in outcome ? resolve(outcome.record) : reject(outcome.error)),
        })
      })
    } finally {
      done.abort()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#endAll({ error: xapiErrors.closed({ what: 'The session' }) })
    await this.#stop()
  }

  #add(ref: Ref<'task'>, done: AbortSignal, waiter: Waiter): void {
    const waiters = this.#waiters.get(ref) ?? new Set()
    this.#waiters.set(ref, waiters.add(waiter))
    done.addEventListener('abort', () => this.#remove(ref, waiter), { once: true })
    this.#start()
    const known = this.#records.get(ref)
    if (known) tell(waiter, known)
    else void this.#lookFor(ref, waiter, done)
  }

  #remove(ref: Ref<'task'>, waiter: Waiter): void {
    const waiters = this.#waiters.get(ref)
    waiters?.delete(waiter)
    if (waiters?.size === 0) this.#waiters.delete(ref)
    if (this.#waiters.size > 0 || this.#closed) return
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => void this.#stop(), linger)
    this.#idle.unref()
  }

  /** A task that ended and was destroyed before the subscription began makes no event: without this its waiter would wait for ever. */
  async #lookFor(ref: Ref<'task'>, waiter: Waiter, done: AbortSignal): Promise<void> {
    try {
      await this.#ports.clock.sleep(patience, { signal: done })
      if (this.#records.has(ref) || (await this.#ports.exists(ref, done))) return
      waiter.onEnd({ error: xapiErrors.task_lost({ task: ref }) })
    } catch (error) {
      if (!isAbort(error, done)) waiter.onEnd({ error })
    }
  }

  #start(): void {
    clearTimeout(this.#idle)
    if (this.#running) return
    const stop = new AbortController()
    this.#running = { stop, ended: this.#run(stop.signal) }
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#idle)
    const running = this.#running
    this.#running = undefined
    running?.stop.abort()
    await running?.ended
    if (!this.#running) this.#records.clear()
  }

  async #run(signal: AbortSignal): Promise<void> {
    try {
      for await (const event of this.#ports.changes(signal)) if (event.kind === 'changes') this.#take(event.changes)
    } catch (error) {
      if (signal.aborted) return
      this.#running = undefined
      this.#records.clear()
      this.#endAll({ error })
    }
  }

  #take(changes: Extract<XapiChanges<'task'>, { kind: 'changes' }>['changes']): void {
    for (const { operation, ref, record } of changes) {
      const waiters = [...(this.#waiters.get(ref) ?? [])]
      if (operation === 'del') {
        this.#records.delete(ref)
        for (const waiter of waiters) waiter.onEnd({ error: xapiErrors.task_lost({ task: ref }) })
      } else {
        this.#records.set(ref, record)
        for (const waiter of waiters) tell(waiter, record)
      }
    }
  }

  #endAll(outcome: { readonly error: unknown }): void {
    for (const waiters of this.#waiters.values()) for (const waiter of waiters) waiter.onEnd(outcome)
  }
}

/** Progress is 1 and the result is there a moment before the status says how it went: only the status counts. */
function tell(waiter: Waiter, record: TaskRecord): void {
  try {
    waiter.onRecord(record)
  } catch (error) {
    // A callback that throws ends the wait of its own task only.
    return waiter.onEnd({ error })
  }
  if (record.status !== 'pending' && record.status !== 'cancelling') waiter.onEnd({ record })
}
