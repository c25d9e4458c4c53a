import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { liveStatus } from '../live/live.ts'
import { Button } from '../ui/button.tsx'
import { errorText } from '../ui/error-text.ts'
import { Notice } from '../ui/notice.tsx'
import { Empty, Page } from '../ui/page.tsx'
import { useValue } from '../value.ts'
import { solidLink } from './nothing-connected.tsx'

/** An address that no page has. */
export function NotFound(): ReactNode {
  return (
    <Page title="No such page" fill>
      <Empty
        title="There is no page at this address"
        action={
          <Link to="/" className={solidLink}>
            Go to the overview
          </Link>
        }
      />
    </Page>
  )
}

/** An object that is not there any more, or may not be seen. */
export function Gone({ what, list }: { readonly what: string; readonly list: string }): ReactNode {
  if (useValue(liveStatus).kind === 'loading')
    return (
      <Page title="Loading …">
        <span role="status" className="sr-only">
          The inventory is on its way.
        </span>
      </Page>
    )
  return (
    <Page title={`No such ${what}`} fill>
      <Empty
        title={`This ${what} is not there`}
        action={
          <Link to={list} className={solidLink}>
            Back to the list
          </Link>
        }
      >
        It was deleted, its pool is not connected, or you may not see it.
      </Empty>
    </Page>
  )
}

/** A page that cannot be drawn: never a blank one. */
export function PageError({ error }: { readonly error: unknown }): ReactNode {
  return (
    <Page title="Something went wrong">
      <Notice tone="bad">{errorText(error)}</Notice>
      <div>
        <Button onClick={() => location.reload()}>Load the page again</Button>
      </div>
    </Page>
  )
}
