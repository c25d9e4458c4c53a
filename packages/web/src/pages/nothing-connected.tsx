import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { liveStatus, useAll } from '../live/live.ts'
import { Empty } from '../ui/page.tsx'
import { useValue } from '../value.ts'
import { common } from '../i18n/common.ts'
import { lists } from '../i18n/lists.ts'
import { shell } from '../i18n/shell.ts'

/** A link that looks like the first button of a page. */
export const solidLink =
  'bg-solid hover:bg-solid-hover inline-flex min-h-8 items-center gap-1.5 rounded-md px-3 text-sm font-medium text-white'

/** An empty list of the inventory: nothing is connected yet, or what is connected has none, or is not reached. */
export function NothingConnected({ what: kind }: { readonly what: keyof typeof lists.what }): ReactNode {
  const what = lists.what[kind]
  const connections = useAll('connection')
  const isLoading = useValue(liveStatus).kind === 'loading'
  if (isLoading)
    return (
      <p role="status" className="text-muted">
        {common.loading}
      </p>
    )
  if (connections.length === 0)
    return (
      <Empty
        title={lists.noPool}
        action={
          <Link to="/connections/new" className={solidLink}>
            {shell.connectPool}
          </Link>
        }
      >
        {lists.noPoolHelp({ what })}
      </Empty>
    )
  const broken = connections.filter(({ state }) => state !== 'connected')
  if (broken.length === 0) return <Empty title={lists.thereAreNone({ what })}>{lists.orNoneVisible}</Empty>
  return (
    <Empty
      title={lists.noneYet({ what })}
      action={
        <Link to="/connections" className={solidLink}>
          {lists.lookAtConnections}
        </Link>
      }
    >
      {broken.map(({ name, state, error }) => `${name}: ${error?.message ?? lists.connectionStates[state]}`).join(' ')}
    </Empty>
  )
}
