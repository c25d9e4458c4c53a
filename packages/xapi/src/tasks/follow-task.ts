import { isAbort, messageOf, type Clock, type Log } from '@nixen/core'
import type { XapiCallers } from '../client/callers.ts'
import { XapiError } from '../errors.ts'
import type { TaskRecord } from '../generated/records.ts'
import type { Ref } from '../values/ref.ts'
import { messageTypes } from '../values/schema.ts'
import { decodeTaskResult } from '../wire/xml-rpc.ts'
import type { TaskWatch } from './task-watch.ts'

export interface TaskOptions {
  /** Cancels the task, and then waits `grace` for it to end. A task that succeeds all the same resolves: what it did is done. */
  readonly signal?: AbortSignal | undefined
  /** Told of each new progress, 0 to 1. It says 1 when the task fails, too. */
  readonly onProgress?: ((progress: number, task: TaskRecord) => void) | undefined
  /** Leaves the task on the host when it has ended; otherwise it is destroyed. */
  readonly keep?: boolean
  /** Milliseconds that a cancelled task gets to end; 30 s when left out. */
  readonly grace?: number
  /** Type of the result in the grammar of the data model; known for tasks that this session started, or by the task's name. */
  readonly resultType?: string | undefined
}

/** What following a task needs of a session. */
export interface TaskContext {
  readonly client: XapiCallers
  readonly tasks: TaskWatch
  readonly clock: Clock
  readonly log: Log
}

/**
 * Waits for the end of a task and resolves with its decoded result.
 *
 * @throws XapiError with what the task failed with (`TASK_CANCELLED` when somebody else cancelled it), the signal's reason when aborting it
 *   had success or took longer than the grace, xapi.task_lost
 */
export async function followTask(context: TaskContext, task: Ref<'task'>, options: TaskOptions): Promise<unknown> {
  try {
    return outcomeOf(task, await waitForEnd(context, task, options), options.resultType)
  } catch (error) {
    if (options.signal?.aborted && error instanceof XapiError && error.code === 'TASK_CANCELLED') {
      throw options.signal.reason
    }
    throw error
  } finally {
    if (options.keep !== true) await destroyTask(context, task)
  }
}

async function waitForEnd(context: TaskContext, task: Ref<'task'>, options: TaskOptions): Promise<TaskRecord> {
  const { signal, grace = 30_000, onProgress } = options
  const giveUp = new AbortController()
  let last = -1
  const onRecord = (record: TaskRecord): void => {
    if (record.progress === last) return
    last = record.progress
    onProgress?.(record.progress, record)
  }
  const cancel = async (): Promise<void> => {
    await cancelTask(context, task)
    await context.clock.sleep(grace, { signal: giveUp.signal })
    giveUp.abort(signal?.reason)
  }
  const onAbort = (): void => void cancel().catch((error: unknown) => giveUp.abort(giveUp.signal.reason ?? error))
  if (signal?.aborted) onAbort()
  else signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await context.tasks.wait(task, { signal: giveUp.signal, onRecord })
  } finally {
    signal?.removeEventListener('abort', onAbort)
    giveUp.abort()
  }
}

/** Asks the host to cancel. A task that can't be cancelled, or has ended, goes on to its own end. */
async function cancelTask({ client, log }: TaskContext, task: Ref<'task'>): Promise<void> {
  try {
    await client.with({ timeout: 30_000 }).task.cancel(task)
  } catch (error) {
    log.debug('a task could not be cancelled', { task, reason: messageOf(error) })
  }
}

/** Removes a task from the host's list; the host does it by itself an hour later. */
async function destroyTask({ client, log }: TaskContext, task: Ref<'task'>): Promise<void> {
  try {
    await client.with({ timeout: 30_000 }).task.destroy(task)
  } catch (error) {
    if (!isAbort(error)) log.debug('a task could not be destroyed', { task, reason: messageOf(error) })
  }
}

function outcomeOf(ref: Ref<'task'>, task: TaskRecord, resultType: string | undefined): unknown {
  const method = /^(?:Async\.)?(\w+)\.(\w+)$/.exec(task.name_label)
  if (task.status === 'success') {
    // Hosts name the task of an asynchronous call after its method.
    const type = resultType ?? (method?.[1] && method[2] ? messageTypes(method[1], method[2])?.result : undefined)
    return decodeTaskResult(task.result, type)
  }
  const context = method ? { method: method[0].replace(/^Async\./, '') } : {}
  const [code, ...params] = task.error_info
  if (code !== undefined) throw new XapiError(code, params, context)
  if (task.status === 'cancelled') throw new XapiError('TASK_CANCELLED', [ref], context)
  throw new XapiError('INTERNAL_ERROR', [`task ended as ${task.status}`], context)
}
