import { taskErrors, type ConnectionId, type Task, type TaskLine } from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { ActionTask, ProviderSession, UndoEntry, UndoStep } from '@nixen/providers'

export interface RunningTaskPorts {
  readonly clock: Clock
  readonly publish: (task: Task) => void
  readonly addLine: (seq: number, line: TaskLine) => Promise<void>
  /** On the connection of the task, or on another one. */
  readonly writeUndo: (step: UndoStep, connection: ConnectionId | undefined) => Promise<UndoEntry>
  readonly takeBack: (error: unknown) => Promise<void>
  readonly session: (connection: ConnectionId) => ProviderSession
}

/** Progress is shown at most so often, in milliseconds. */
const pace = 200
/** No longer a line in a log, in characters. */
const longestLine = 2000

/** A task while it runs: what its work sees of it. */
export class RunningTask implements ActionTask {
  readonly #ports: RunningTaskPorts
  readonly #abort = new AbortController()
  #task: Task
  #shownAt = 0
  #lines = 0
  #writing: Promise<void> = Promise.resolve()
  #moved: { readonly at: number; readonly bytes: number } | undefined
  /** Set by who began it: resolves when it has ended and is written down. */
  ended: Promise<void> = Promise.resolve()
  /** The server stops: what is left is told as interrupted. */
  stopped = false
  /** Why it was given up: that is what it failed with, whatever its work says of having been stopped. */
  givenUp: Error | undefined

  constructor(task: Task, ports: RunningTaskPorts) {
    this.#task = task
    this.#ports = ports
  }

  get task(): Task {
    return this.#task
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  progress(part: number | undefined, doing?: string): void {
    const { progress: _, detail: __, ...rest } = this.#task
    const known = part === undefined || !Number.isFinite(part) ? {} : { progress: Math.min(1, Math.max(0, part)) }
    const detail = doing ?? this.#task.detail
    this.#change({ ...rest, ...known, ...(detail === undefined ? {} : { detail }) }, doing !== undefined)
  }

  bytes(done: number, total?: number): void {
    const now = this.#ports.clock.now()
    this.#moved ??= { at: now, bytes: done }
    const rate = (done - this.#moved.bytes) / Math.max(1, now - this.#moved.at)
    // After a second the rate says something.
    const eta = total !== undefined && rate > 0 && now - this.#moved.at > 1000 ? now + (total - done) / rate : undefined
    const { eta: _, ...rest } = this.#task
    const more = total === undefined ? {} : { bytesTotal: total, progress: total === 0 ? 1 : Math.min(1, done / total) }
    this.#change({ ...rest, bytes: done, ...more, ...(eta === undefined ? {} : { eta: Math.round(eta) }) }, false)
  }

  log(line: string): void {
    const seq = ++this.#lines
    const entry = { at: this.#ports.clock.now(), text: line.slice(0, longestLine) }
    this.#writing = this.#writing.then(() => this.#ports.addLine(seq, entry))
    // A failure is told by `written()`, which everybody who ends a task waits for.
    this.#writing.catch(() => undefined)
  }

  async undo(step: UndoStep, { connection }: { readonly connection?: ConnectionId } = {}): Promise<UndoEntry> {
    this.signal.throwIfAborted()
    return await this.#ports.writeUndo(step, connection)
  }

  async takeBack(error: unknown): Promise<void> {
    await this.#ports.takeBack(error)
  }

  session(connection: ConnectionId): ProviderSession {
    return this.#ports.session(connection)
  }

  /** Tells it to stop; false when it has been told, or cannot. */
  cancel(): boolean {
    if (this.#abort.signal.aborted || !this.#task.cancellable) return false
    this.#change({ ...this.#task, state: 'cancelling', cancellable: false }, true)
    this.#abort.abort(taskErrors.cancelled({ id: this.#task.id }))
    return true
  }

  /** Stops it for a reason that makes it a failure. */
  giveUp(reason: Error): void {
    if (this.#abort.signal.aborted) return
    this.givenUp = reason
    this.#abort.abort(reason)
  }

  /** The server stops. */
  stop(): void {
    this.stopped = true
    this.#abort.abort(taskErrors.interrupted({ id: this.#task.id }))
  }

  /** The last change. Gives the task as it ended. */
  end(changes: Partial<Task>): Task {
    const { detail: _, eta: __, ...rest } = this.#task
    this.#task = { ...rest, ...changes, cancellable: false }
    return this.#task
  }

  /** Waits until all lines of the log are written. @throws what writing failed with */
  async written(): Promise<void> {
    await this.#writing
  }

  #change(task: Task, atOnce: boolean): void {
    this.#task = task
    const now = this.#ports.clock.monotonic()
    if (!atOnce && now - this.#shownAt < pace) return
    this.#shownAt = now
    this.#ports.publish(task)
  }
}
