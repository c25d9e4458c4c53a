import { isAppError, raceSignal } from '@nixen/core'
import { isXapiError } from '../errors.ts'
import type { TaskRecord } from '../generated/records.ts'
import type { Xapi } from '../session/xapi.ts'
import type { TaskRef } from '../values/ref.ts'

export interface TransferOptions {
  /** Stops the transfer, and the task of the host with it. */
  readonly signal?: AbortSignal | undefined
  /** Told of the progress the host notes in the task, 0 to 1. */
  readonly onProgress?: ((progress: number, task: TaskRecord) => void) | undefined
}

/** How long a failed transfer waits for the host's own word on what went wrong, in milliseconds. */
const explanationTime = 1500

/**
 * The task of one transfer. A host answers `200 OK` before it has read or written the data, so its task alone says whether that went well.
 * Disposing it before its end cancels it.
 */
export class TransferTask implements AsyncDisposable {
  readonly ref: TaskRef
  /** Settles with the task; its rejection counts as handled. */
  readonly ended: Promise<unknown>
  readonly #stop = new AbortController()
  #settled = false

  private constructor(xapi: Xapi, ref: TaskRef, { resultType, onProgress }: TransferOptions & { resultType: string }) {
    this.ref = ref
    const { signal } = this.#stop
    this.ended = xapi
      .follow(ref, { resultType, onProgress, signal, grace: 10_000 })
      .finally(() => (this.#settled = true))
    this.ended.catch(() => undefined)
  }

  /** @param label names the task on the host */
  static async start(
    xapi: Xapi,
    label: string,
    options: TransferOptions & { resultType: string },
  ): Promise<TransferTask> {
    const { signal } = options
    const ref = await xapi.client.with({ signal }).task.create(label, 'made by a transfer of @nixen/xapi')
    // A task that the caller makes for a handler: the handler decides what its result is.
    return new TransferTask(xapi, ref as TaskRef, options)
  }

  /** What to throw for a failure of the transfer: the host's reason, if it gives one soon, with the failure as its cause. */
  async explain(failure: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    if (signal?.aborted) return signal.reason
    try {
      await raceSignal(this.ended, AbortSignal.timeout(explanationTime))
      return failure
    } catch (error) {
      if (error === failure || !(isXapiError(error) || isAppError(error, 'xapi.task_lost'))) return failure
      error.cause ??= failure
      return error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#settled) this.#stop.abort(new Error('the transfer was stopped'))
    await this.ended.catch(() => undefined)
  }
}
