import type { RunDetail, RunItem } from '@nixen/api'
import { isAppError } from '@nixen/core'
import { queryOptions, useQuery } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { useNow } from '../format/clock.ts'
import { formatClock, formatDuration, formatPart, formatRate } from '../format/format.ts'
import { backup as t } from '../i18n/backup.ts'
import { common } from '../i18n/common.ts'
import { WorkState } from '../lists/states.tsx'
import { useAll, useObject } from '../live/live.ts'
import { client } from '../session/session.ts'
import { errorText } from '../ui/error-text.ts'
import { Bar } from '../ui/meter.tsx'
import { Notice } from '../ui/notice.tsx'
import { Card } from '../ui/page.tsx'
import { progressOf, remaining } from './run-figures.ts'

/** How far a run is that goes on, and when it may be done. */
export function RunProgress({ run }: { readonly run: RunDetail }): ReactNode {
  const tasks = useAll('task')
  const now = useNow(1000)
  if (run.state !== 'running' || run.items.length === 0) return null
  const parts = new Map(tasks.map(({ id, progress = 0 }) => [id, progress]))
  const progress = progressOf(run.items, parts)
  const left = remaining({ started: run.started, progress, now })
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
      <span className="flex w-64 max-w-full">
        <Bar part={progress} label={run.jobName} tone="bg-solid" />
      </span>
      <span>{formatPart(progress)}</span>
      {left !== undefined && (
        <span className="text-muted">
          {t.eta} {formatDuration(left)}
        </span>
      )}
    </div>
  )
}

/** How it stands with an object; while it is worked on, how far, with what, and when it may be done. */
export function ItemState({ item: { state, task: id } }: { readonly item: RunItem }): ReactNode {
  const task = useObject('task', id ?? '')
  const now = useNow(1000)
  if (state !== 'running' || !task) return <WorkState state={state} />
  const left = task.eta === undefined ? undefined : Math.max(1, Math.ceil((task.eta - now) / 1000)) * 1000
  return (
    <>
      <WorkState state={state} progress={task.progress} />
      {task.detail !== undefined && <span className="text-muted block text-xs">{task.detail}</span>}
      {left !== undefined && (
        <span className="text-muted block text-xs">
          {t.eta} {formatDuration(left)}
        </span>
      )}
    </>
  )
}

/** Bytes moved in a second while an object is worked on, and bytes read in a second when it is done. */
export function ItemRate({ item }: { readonly item: RunItem }): ReactNode {
  const task = useObject('task', item.task ?? '')
  const now = useNow(1000)
  if (item.state !== 'running') return rateOf({ bytes: item.read, from: item.started, to: item.finished })
  return rateOf({ bytes: task?.bytes, from: task?.started, to: now })
}

/** Bytes read in a second by a run that is over. */
export function rateOf({ bytes, from, to }: Partial<Record<'bytes' | 'from' | 'to', number | undefined>>): string {
  if (bytes === undefined || from === undefined || to === undefined || to <= from) return '–'
  return formatRate((bytes / (to - from)) * 1000)
}

/** Objects whose logs are shown at once. */
const mostLogs = 20

/** The tasks whose logs are shown: that of the run, then of what failed or goes on, then the others. */
function logged({ task, jobName, items }: RunDetail) {
  const urgent = (item: RunItem): number => (item.state === 'failed' || item.state === 'running' ? 0 : 1)
  const parts = items.flatMap((item) => (item.task === undefined ? [] : [{ ...item, task: item.task }]))
  const shown = parts.toSorted((a, b) => urgent(a) - urgent(b)).slice(0, mostLogs)
  return {
    tasks: [
      ...(task === undefined ? [] : [{ task, name: jobName }]),
      ...shown.map(({ task: id, name }) => ({ task: id, name })),
    ],
    more: parts.length - shown.length,
  }
}

/** The lines of a task. Tasks are kept for a while, runs for longer: one that is gone has none. */
async function linesOf({ task, name }: { readonly task: string; readonly name: string }, signal: AbortSignal) {
  try {
    const { lines } = await client.task.log({ id: task }, { signal })
    return lines.map(({ at, text }) => ({ at, text, name }))
  } catch (error) {
    if (isAppError(error, 'task.not_found')) return []
    throw error
  }
}

function logQuery(run: RunDetail) {
  const { tasks } = logged(run)
  const isOver = run.state !== 'running'
  return queryOptions({
    queryKey: ['run.log', run.id, isOver, tasks.map(({ task }) => task).join()],
    queryFn: async ({ signal }) => {
      const lines = await Promise.all(tasks.map(async (task) => await linesOf(task, signal)))
      return lines.flat().toSorted((a, b) => a.at - b.at)
    },
    refetchInterval: isOver ? false : 3000,
    retry: false,
    // The last answer stays until the next is here.
    placeholderData: (before) => before,
  })
}

/** What the run and its objects have written down; read when somebody opens it. */
export function RunLog({ run }: { readonly run: RunDetail }): ReactNode {
  const [isOpen, setOpen] = useState(false)
  return (
    <Card title={t.log}>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary className="min-h-6 cursor-default">{t.showLog}</summary>
        {isOpen && <Lines run={run} />}
      </details>
    </Card>
  )
}

function Lines({ run }: { readonly run: RunDetail }): ReactNode {
  const { data, error } = useQuery(logQuery(run))
  const { more } = logged(run)
  if (error) return <Notice tone="bad">{errorText(error)}</Notice>
  if (!data) return <p role="status">{common.loading}</p>
  return (
    <>
      {data.length === 0 && <p className="text-muted">{t.noLog}</p>}
      {data.length > 0 && (
        <section
          aria-label={t.log}
          tabIndex={0}
          className="border-line mt-2 max-h-96 overflow-auto rounded-md border p-2 font-mono text-xs"
        >
          <ol aria-label={t.log}>
            {data.map(({ at, text, name }, index) => (
              <li key={`${at} ${index}`} className="flex gap-3 max-sm:flex-wrap">
                <time className="text-muted shrink-0" dateTime={new Date(at).toISOString()}>
                  {formatClock(at)}
                </time>
                <span className="w-36 shrink-0 truncate" title={name} translate="no">
                  {name}
                </span>
                <span className="min-w-0 break-words whitespace-pre-wrap">{text}</span>
              </li>
            ))}
          </ol>
        </section>
      )}
      {more > 0 && <p className="text-muted mt-2">{t.moreLogs({ n: more })}</p>}
    </>
  )
}
