import type { Client, RunDetail, RunId, Task, TaskId } from '@nixen/api'
import { AppError } from '@nixen/core'
import type { NixenContext } from '../context.ts'
import { demoErrors } from './errors.ts'
import type { ProgressView } from '../output/progress.ts'

/** Time between two looks, in milliseconds. */
const pace = 100

/** Whom to ask, and until when. */
export interface Asking extends Pick<NixenContext, 'signal' | 'clock'> {
  readonly client: Client
}

/** Waits until `condition` gives something. Error: `cli.demo_late` after a minute. */
export async function until<T>(
  { signal, clock }: Asking,
  what: string,
  condition: () => Promise<T | undefined>,
): Promise<T> {
  const end = clock.monotonic() + 60_000
  for (;;) {
    const found = await condition()
    if (found !== undefined) return found
    if (clock.monotonic() > end) throw demoErrors.late({ what })
    await clock.sleep(pace, { signal })
  }
}

/** Waits for a task and shows how far it is. Throws what it failed with. */
export async function followTask(asking: Asking, id: TaskId, view: ProgressView): Promise<Task> {
  const { client, signal, clock } = asking
  for (;;) {
    const task = await client.task.get({ id }, { signal })
    show(view, [task])
    if (task.finished !== undefined) {
      if (task.state !== 'succeeded') throw failureOf(task.name, task.error)
      return task
    }
    await clock.sleep(pace, { signal })
  }
}

/** Waits for the run of a job and shows how far its VMs are together. Throws what the first one failed with. */
export async function followRun(asking: Asking, id: RunId, view: ProgressView): Promise<RunDetail> {
  const { client, signal, clock } = asking
  for (;;) {
    const run = await client.run.get({ id }, { signal })
    const ids = run.items.flatMap(({ task }) => (task === undefined ? [] : [task]))
    show(view, await Promise.all(ids.map(async (task) => await client.task.get({ id: task }, { signal }))))
    if (run.finished !== undefined) {
      if (run.state !== 'succeeded') throw failureOf(run.jobName, run.items.find(({ error }) => error)?.error)
      return run
    }
    await clock.sleep(pace, { signal })
  }
}

function show(view: ProgressView, tasks: readonly Task[]): void {
  const total = sum(tasks, 'bytesTotal')
  const done = sum(tasks, 'bytes')
  if (total > 0) view.update({ done: Math.min(done, total), total })
  else view.update({ done: Math.floor((tasks[0]?.progress ?? 0) * 100), unit: 'percent' })
}

function sum(tasks: readonly Task[], key: 'bytes' | 'bytesTotal'): number {
  return tasks.reduce((all, task) => all + (task[key] ?? 0), 0)
}

function failureOf(name: string, error: Task['error']): AppError {
  const { code = 'task.failed', message = 'nobody said why.' } = error ?? {}
  return new AppError({ code, message: `${name}: ${message}`, status: 500, retryable: false, details: {} })
}
