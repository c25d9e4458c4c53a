import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { liveStatus } from '../live/live.ts'
import { Button } from '../ui/button.tsx'
import { errorText } from '../ui/error-text.ts'
import { Notice } from '../ui/notice.tsx'
import { Empty, Page } from '../ui/page.tsx'
import { useValue } from '../value.ts'
import { solidLink } from './nothing-connected.tsx'
import { common } from '../i18n/common.ts'
import { lists } from '../i18n/lists.ts'

/** An address that no page has. */
export function NotFound(): ReactNode {
  return (
    <Page title={common.noSuchPage} fill>
      <Empty
        title={common.noPageHere}
        action={
          <Link to="/" className={solidLink}>
            {common.toOverview}
          </Link>
        }
      />
    </Page>
  )
}

/** An object that is not there any more, or may not be seen. */
export function Gone({ what, list }: { readonly what: keyof typeof lists.noSuch; readonly list: string }): ReactNode {
  if (useValue(liveStatus).kind === 'loading')
    return (
      <Page title={common.loading}>
        <span role="status" className="sr-only">
          {common.inventoryComing}
        </span>
      </Page>
    )
  return (
    <Page title={lists.noSuch[what]} fill>
      <Empty
        title={lists.noSuch[what]}
        action={
          <Link to={list} className={solidLink}>
            {common.backToList}
          </Link>
        }
      >
        {common.goneWhy}
      </Empty>
    </Page>
  )
}

/** A page that cannot be drawn: never a blank one. */
export function PageError({ error }: { readonly error: unknown }): ReactNode {
  return (
    <Page title={common.fail}>
      <Notice tone="bad">{errorText(error)}</Notice>
      <div>
        <Button onClick={() => location.reload()}>{common.reload}</Button>
      </div>
    </Page>
  )
}
