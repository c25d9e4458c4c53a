import { AppError, formatDuration, isAppError } from '@nixen/core'
import { allEndpoints, type Client, type Task } from '@nixen/api'
import { print, withProgress, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { plain } from '../output/plain.ts'
import type { Progress } from '../output/progress.ts'
import type { Item } from './call.ts'

/** Shortest and longest time between two looks at a task, milliseconds. */
const pauses = { first: 100, longest: 1000 }
/** How long a server that does not answer is waited for. */
const patience = 60_000

/** What is followed. */
export interface Followed {
  readonly task: string
  readonly flags: CommonFlags
}

/**
 * Waits for a task and shows how far it is. Prints it when it is done; throws what it failed with, `task.cancelled`, or `cli.task_gone`.
 * When the user stops waiting the task goes on, and the terminal says how to look after it.
 */
export async function followTask(context: NixenContext, client: Client, { task, flags }: Followed): Promise<void> {
  const ended = await withProgress(context, flags, async (view) => {
    try {
      return await untilEnded(context, client, { task, show: (state) => view.update(progressOf(state)) })
    } catch (error) {
      if (context.signal.aborted) view.end()
      if (context.signal.aborted) context.process.stderr.write(goesOn(task))
      throw error
    }
  })
  if (ended.state === 'succeeded') {
    return print(context, flags, { json: ended, text: endText(ended) })
  }
  if (flags.json) print(context, flags, { json: ended, text: '' })
  throw failureOf(ended)
}

function goesOn(task: string): string {
  const cancel = allEndpoints.some(({ endpoint }) => endpoint.cli?.verb === 'task cancel')
  return `The task goes on. Wait for it again: nixen task wait ${task}${cancel ? `\nStop it: nixen task cancel ${task}` : ''}\n`
}

interface Watching {
  readonly task: string
  readonly show: (task: Task) => void
}

async function untilEnded({ clock, signal }: NixenContext, client: Client, { task, show }: Watching): Promise<Task> {
  let seen = false
  let pause = pauses.first
  let answered = clock.monotonic()
  for (;;) {
    try {
      const state = await client.task.get({ id: task }, { signal })
      seen = true
      answered = clock.monotonic()
      show(state)
      if (state.state === 'succeeded' || state.state === 'failed' || state.state === 'cancelled') return state
    } catch (error) {
      // Hosts forget tasks soon after they end.
      if (isAppError(error, 'task.not_found') && seen) throw cliErrors.task_gone({ task }, { cause: error })
      const mayPass = isAppError(error) && error.retryable && clock.monotonic() - answered < patience
      if (!mayPass || signal.aborted) throw error
    }
    await clock.sleep(pause, { signal })
    pause = Math.min(pauses.longest, pause * 1.5)
  }
}

function progressOf(task: Task): Progress {
  const { name, detail, progress } = task
  const { bytes, bytesTotal }: Item = task
  const phase = plain(detail === undefined ? name : `${name}: ${detail}`)
  const total = typeof bytesTotal === 'number' ? bytesTotal : undefined
  if (typeof bytes === 'number') return { done: bytes, total, phase, unit: 'bytes' }
  return { done: Math.floor((progress ?? 0) * 100), total: 100, phase, unit: 'percent' }
}

/** What was done, and the ids of what was made, which scripts take from the end. */
function endText(ended: Task): string {
  const { name, created, started = created, finished } = ended
  const { made }: Item = ended
  const took = finished === undefined ? '' : ` in ${formatDuration(Math.max(0, finished - started))}`
  return [`${plain(name)}: done${took}`, ...(Array.isArray(made) ? made.map(String) : [])].join('\n')
}

function failureOf({ id, name, state, error }: Task): AppError {
  const code = error?.code ?? (state === 'cancelled' ? 'task.cancelled' : 'task.failed')
  const message = error?.message ?? (state === 'cancelled' ? 'it was cancelled.' : 'nobody said why.')
  return new AppError({
    code,
    message: `${plain(name)}: ${message}`,
    status: 500,
    retryable: false,
    details: { task: id },
  })
}
