import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { liveStatus, useAll } from '../live/live.ts'
import { Empty } from '../ui/page.tsx'
import { useValue } from '../value.ts'

/** A link that looks like the first button of a page. */
export const solidLink =
  'bg-solid hover:bg-solid-hover inline-flex min-h-8 items-center gap-1.5 rounded-md px-3 text-sm font-medium text-white'

/** An empty list of the inventory: nothing is connected yet, or what is connected has none, or is not reached. */
export function NothingConnected({ what }: { readonly what: string }): ReactNode {
  const connections = useAll('connection')
  const isLoading = useValue(liveStatus).kind === 'loading'
  if (isLoading)
    return (
      <p role="status" className="text-muted">
        Loading …
      </p>
    )
  if (connections.length === 0)
    return (
      <Empty
        title="No pool is connected yet"
        action={
          <Link to="/connections/new" className={solidLink}>
            Connect a pool
          </Link>
        }
      >
        Nixen shows {what} of the XCP-ng and XenServer pools that it is connected to.
      </Empty>
    )
  const broken = connections.filter(({ state }) => state !== 'connected')
  if (broken.length === 0) return <Empty title={`There are no ${what}`}>Or none that you may see.</Empty>
  return (
    <Empty
      title={`No ${what} yet`}
      action={
        <Link to="/connections" className={solidLink}>
          Look at the connections
        </Link>
      }
    >
      {broken.map(({ name, state, error }) => `${name}: ${error?.message ?? state}`).join(' ')}
    </Empty>
  )
}
