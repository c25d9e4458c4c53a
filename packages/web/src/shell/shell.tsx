import { Outlet, useRouterState, useSearch } from '@tanstack/react-router'
import { ListTree } from 'lucide-react'
import { lazy, Suspense, useEffect, useRef, useState, type ReactNode } from 'react'
import { common } from '../i18n/common.ts'
import { useValue } from '../value.ts'
import { showTree } from './show-tree.ts'
import { useLive } from '../live/live.ts'
import { Dialog } from '../ui/dialog.tsx'
import { Toasts } from '../ui/toasts.tsx'
import { Keys } from './keys.tsx'
import { LiveBanner } from './live-banner.tsx'
import { Palette } from './palette.tsx'
import { Rail } from './rail.tsx'
import { TaskDock } from './task-dock.tsx'
import { TopBar } from './top-bar.tsx'
import { shell as t } from '../i18n/shell.ts'

const Tree = lazy(async () => ({ default: (await import('./tree.tsx')).Tree }))

/** What is around every page. */
export function Shell(): ReactNode {
  useLive()
  const [areasOpen, setAreasOpen] = useState(false)
  const { bare = false } = useSearch({ strict: false })
  const treeOpen = useValue(showTree)
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
          <div className="px-2">
            <button
              type="button"
              aria-pressed={treeOpen}
              aria-label={treeOpen ? t.treeHide : t.treeShow}
              onClick={() => showTree.set(!treeOpen)}
              className="hover:bg-hover text-muted hover:text-ink flex min-h-9 w-full items-center gap-3 rounded-md px-3 text-left font-medium max-lg:hidden"
            >
              <ListTree size={18} aria-hidden />
              {t.tree}
            </button>
          </div>
        </div>
        {treeOpen && (
          <nav aria-label={t.tree} className="border-line bg-panel w-64 shrink-0 border-r max-lg:hidden">
            <Suspense
              fallback={
                <p role="status" className="text-muted p-3">
                  {common.loading}
                </p>
              }
            >
              <Tree />
            </Suspense>
          </nav>
        )}
        <main id="page" tabIndex={-1} className="min-w-0 flex-1 overflow-auto outline-none">
          <Outlet />
        </main>
      </div>
      <TaskDock />
      <Toasts />
      <Palette />
      <Keys />
      <RouteAnnouncer />
      {areasOpen && (
        <Dialog title={t.areas} onClose={() => setAreasOpen(false)}>
          <Rail onChosen={() => setAreasOpen(false)} />
          <section aria-label={t.tree} className="border-line mt-3 h-80 border-t">
            <Suspense
              fallback={
                <p role="status" className="text-muted p-3">
                  {common.loading}
                </p>
              }
            >
              <Tree onChosen={() => setAreasOpen(false)} />
            </Suspense>
          </section>
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
