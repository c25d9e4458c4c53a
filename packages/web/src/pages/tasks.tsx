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

const columns: readonly Column<Task>[] = [
  {
    id: 'name',
    title: 'Task',
    sort: 'name',
    width: 'minmax(12rem, 2fr)',
    narrow: true,
    cell: ({ name }) => <span title={name}>{name}</span>,
  },
  {
    id: 'state',
    title: 'State',
    sort: 'state',
    width: 'minmax(8rem, 0.8fr)',
    narrow: true,
    cell: ({ state, progress }) => <WorkState state={state} progress={progress} />,
  },
  { id: 'on', title: 'On', width: 'minmax(8rem, 1fr)', cell: ({ on }) => <ObjectLink id={on[0]} /> },
  {
    id: 'created',
    title: 'Asked for',
    sort: '-created',
    width: 'minmax(8rem, 1fr)',
    cell: ({ created }) => <Ago time={created} />,
  },
  {
    id: 'took',
    title: 'Took',
    width: '7rem',
    align: 'end',
    cell: ({ started, finished }) =>
      started === undefined || finished === undefined ? '–' : formatDuration(finished - started),
  },
  {
    id: 'error',
    title: 'What came of it',
    width: 'minmax(12rem, 2fr)',
    cell: ({ error, detail }) => (
      <span className={error ? 'text-bad' : ''} title={error?.message ?? detail}>
        {error?.message ?? detail ?? '–'}
      </span>
    ),
  },
  { id: 'cancel', title: 'Cancel', width: '5rem', cell: (task) => <CancelButton task={task} /> },
]

/** What was done and is being done. */
export function TasksPage(): ReactNode {
  const tasks = useAll('task')
  return (
    <ListPage
      type="task"
      title="Tasks"
      objects={tasks}
      columns={columns}
      defaultSort="-created"
      empty={
        <Empty title="Nothing has been done yet">
          What you or a schedule asks for appears here, and stays for a while.
        </Empty>
      }
    />
  )
}
