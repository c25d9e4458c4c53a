import type { Task } from '@nixen/api'
import type { ReactNode } from 'react'
import type { Column } from '../lists/column.ts'
import { ListPage } from '../lists/list-page.tsx'
import { WorkState } from '../lists/states.tsx'
import { useAll } from '../live/live.ts'
import { formatDuration } from '../format/format.ts'
import { CancelButton } from '../shell/task-dock.tsx'
import { ObjectLink } from '../ui/link-to.tsx'
import { Empty } from '../ui/page.tsx'
import { Ago } from '../ui/time.tsx'
import { lists } from '../i18n/lists.ts'
import { shell } from '../i18n/shell.ts'

const columns: readonly Column<Task>[] = [
  {
    id: 'name',
    title: lists.head.task,
    sort: 'name',
    width: 'minmax(12rem, 2fr)',
    narrow: true,
    cell: ({ name }) => <span title={name}>{name}</span>,
  },
  {
    id: 'state',
    title: lists.head.state,
    sort: 'state',
    width: 'minmax(8rem, 0.8fr)',
    narrow: true,
    cell: ({ state, progress }) => <WorkState state={state} progress={progress} />,
  },
  { id: 'on', title: lists.head.on, width: 'minmax(8rem, 1fr)', cell: ({ on }) => <ObjectLink id={on[0]} /> },
  {
    id: 'created',
    title: lists.head.askedFor,
    sort: '-created',
    width: 'minmax(8rem, 1fr)',
    cell: ({ created }) => <Ago time={created} />,
  },
  {
    id: 'took',
    title: lists.head.took,
    width: '7rem',
    align: 'end',
    cell: ({ started, finished }) =>
      started === undefined || finished === undefined ? '–' : formatDuration(finished - started),
  },
  {
    id: 'error',
    title: lists.head.cameOfIt,
    width: 'minmax(12rem, 2fr)',
    cell: ({ error, detail }) => (
      <span className={error ? 'text-bad' : ''} title={error?.message ?? detail}>
        {error?.message ?? detail ?? '–'}
      </span>
    ),
  },
  { id: 'cancel', title: lists.head.cancel, width: '5rem', cell: (task) => <CancelButton task={task} /> },
]

/** What was done and is being done. */
export function TasksPage(): ReactNode {
  const tasks = useAll('task')
  return (
    <ListPage
      type="task"
      title={shell.tasks}
      objects={tasks}
      columns={columns}
      defaultSort="-created"
      empty={<Empty title={lists.tasksEmpty}>{lists.tasksEmptyHelp}</Empty>}
    />
  )
}
