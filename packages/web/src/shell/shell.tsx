import { Outlet, useRouterState, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState, type ReactNode } from 'react'
import { useLive } from '../live/live.ts'
import { Dialog } from '../ui/dialog.tsx'
import { Toasts } from '../ui/toasts.tsx'
import { LiveBanner } from './live-banner.tsx'
import { Palette } from './palette.tsx'
import { Rail } from './rail.tsx'
import { TaskDock } from './task-dock.tsx'
import { TopBar } from './top-bar.tsx'
import { shell as t } from '../i18n/shell.ts'

/** What is around every page. */
export function Shell(): ReactNode {
  useLive()
  const [areasOpen, setAreasOpen] = useState(false)
  const { bare = false } = useSearch({ strict: false })
  if (bare)
    return (
      <main id="page" tabIndex={-1} className="h-full outline-none">
        <Outlet />
        <Toasts />
      </main>
    )
  return (
    <div className="flex h-full flex-col">
      <a
        href="#page"
        className="bg-solid focus:not-sr-only sr-only fixed top-2 left-2 z-50 rounded-md px-3 py-2 text-white"
        onClick={(event) => {
          event.preventDefault()
          document.querySelector<HTMLElement>('#page')?.focus()
        }}
      >
        {t.skip}
      </a>
      <TopBar onMenu={() => setAreasOpen(true)} />
      <LiveBanner />
      <div className="flex min-h-0 flex-1">
        <div className="border-line bg-panel w-52 shrink-0 overflow-auto border-r max-md:hidden">
          <Rail />
        </div>
        <main id="page" tabIndex={-1} className="min-w-0 flex-1 overflow-auto outline-none">
          <Outlet />
        </main>
      </div>
      <TaskDock />
      <Toasts />
      <Palette />
      <RouteAnnouncer />
      {areasOpen && (
        <Dialog title={t.areas} onClose={() => setAreasOpen(false)}>
          <Rail onChosen={() => setAreasOpen(false)} />
        </Dialog>
      )}
    </div>
  )
}

/** Tells screen readers the title of a page that has come. */
function RouteAnnouncer(): ReactNode {
  const path = useRouterState({ select: ({ location }) => location.pathname })
  const first = useRef(true)
  const [text, setText] = useState('')
  useEffect(() => {
    if (first.current) {
      first.current = false
      return
    }
    // The page has written its title by then.
    const timer = setTimeout(() => setText(document.title), 100)
    return () => clearTimeout(timer)
  }, [path])
  return (
    <p role="status" className="sr-only">
      {text}
    </p>
  )
}
