import type { Task } from '@nixen/api'
import { Link } from '@tanstack/react-router'
import { ChevronDown, ChevronUp, X } from 'lucide-react'
import { useMemo, useState, type ReactNode } from 'react'
import { isActive, useAll } from '../live/live.ts'
import { lacking, useAccess } from '../session/may.ts'
import { client } from '../session/session.ts'
import { IconButton } from '../ui/button.tsx'
import { errorText } from '../ui/error-text.ts'
import { Bar } from '../ui/meter.tsx'
import { Ago } from '../ui/time.tsx'
import { toast } from '../ui/toasts.tsx'
import { WorkState } from '../lists/states.tsx'
import { shell } from '../i18n/shell.ts'

/** Tasks below every page: how many go on and whether one has failed; opened, the newest of them. */
export function TaskDock(): ReactNode {
  const [isOpen, setOpen] = useState(false)
  const tasks = useAll('task')
  const newest = useMemo(() => tasks.toSorted((a, b) => b.created - a.created).slice(0, 30), [tasks])
  const active = useMemo(() => tasks.filter((task) => isActive(task) && task.parent === undefined), [tasks])
  const latest = newest[0]
  return (
    <section aria-label={shell.taskDock} className="bg-panel border-line shrink-0 border-t">
      <div className="flex h-10 items-center gap-3 px-3">
        <button
          type="button"
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
          className="hover:bg-hover flex min-h-8 min-w-0 flex-1 items-center gap-2 rounded-md px-2 text-left"
        >
          {isOpen ? <ChevronDown size={16} aria-hidden /> : <ChevronUp size={16} aria-hidden />}
          <span className="shrink-0 font-medium">
            {active.length > 0 ? shell.tasksGoOn({ n: active.length }) : shell.tasks}
          </span>
          {latest && !isOpen && (
            <span className="text-muted flex min-w-0 items-center gap-2">
              <span className="min-w-0 truncate">{latest.name}</span>
              <span className="shrink-0 text-xs">
                <WorkState state={latest.state} progress={latest.progress} />
              </span>
            </span>
          )}
        </button>
        <Link to="/tasks" className="text-accent min-h-6 shrink-0 text-xs leading-6 hover:underline">
          {shell.allTasks}
        </Link>
      </div>
      {isOpen && (
        <ul className="border-line max-h-56 overflow-auto border-t" tabIndex={0} aria-label={shell.newestTasks}>
          {newest.map((task) => (
            <DockTask key={task.id} task={task} />
          ))}
          {newest.length === 0 && <li className="text-muted p-3">{shell.nothingDone}</li>}
        </ul>
      )}
    </section>
  )
}

function DockTask({ task }: { readonly task: Task }): ReactNode {
  const { name, state, progress, error, detail, created } = task
  return (
    <li className="border-line flex min-h-9 items-center gap-3 border-b px-4 py-1 last:border-b-0">
      <span className="w-28 shrink-0">
        <WorkState state={state} progress={progress} />
      </span>
      <span className="min-w-0 flex-1">
        <span className="block truncate">{name}</span>
        {error && <span className="text-bad block text-xs break-words">{error.message}</span>}
        {!error && isActive(task) && detail !== undefined && (
          <span className="text-muted block truncate text-xs">{detail}</span>
        )}
      </span>
      {state === 'running' && progress !== undefined && (
        <span className="flex w-24 max-sm:hidden">
          <Bar part={progress} label={shell.progressOf({ name })} />
        </span>
      )}
      <span className="text-muted w-28 shrink-0 text-right text-xs max-sm:hidden">
        <Ago time={created} />
      </span>
      <CancelButton task={task} />
    </li>
  )
}

/** Cancels a task, where it can be cancelled. */
export function CancelButton({ task }: { readonly task: Task }): ReactNode {
  const access = useAccess()
  if (!task.cancellable || !isActive(task)) return null
  const cancel = async (): Promise<void> => {
    try {
      await client.task.cancel({ id: task.id })
    } catch (error) {
      toast('bad', errorText(error))
    }
  }
  return (
    <IconButton
      label={shell.cancelTask({ name: task.name })}
      reason={lacking(access, 'task:cancel', task)}
      onClick={() => void cancel()}
      icon={<X size={15} aria-hidden />}
    />
  )
}
