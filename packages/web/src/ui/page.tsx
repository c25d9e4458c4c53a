import { Link } from '@tanstack/react-router'
import { ChevronRight } from 'lucide-react'
import { useEffect, type ReactNode } from 'react'
import { common } from '../i18n/common.ts'

export interface Crumb {
  readonly label: string
  readonly to: string
}

export interface PageProps {
  readonly title: string
  /** Where it hangs in the tree of pages, from the top. */
  readonly crumbs?: readonly Crumb[]
  readonly note?: ReactNode
  readonly actions?: ReactNode
  /** Fills the window, without a scroll bar of its own: pages with one grid. */
  readonly fill?: boolean
  readonly children: ReactNode
}

/** The frame of a page: breadcrumb, title, actions. Its title is that of the window. */
export function Page({ title, crumbs = [], note, actions, fill = false, children }: PageProps): ReactNode {
  useEffect(() => {
    document.title = `${title} · Nixen`
  }, [title])
  return (
    <div className={fill ? 'flex h-full min-h-0 flex-col gap-3 p-4 sm:p-5' : 'grid content-start gap-4 p-4 sm:p-5'}>
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <div className="min-w-0">
          {crumbs.length > 0 && (
            <nav aria-label={common.breadcrumb}>
              <ol className="text-muted flex flex-wrap items-center text-xs">
                {crumbs.map(({ label, to }) => (
                  <li key={to} className="flex items-center">
                    <Link to={to} className="hover:text-ink min-h-6 py-1 hover:underline">
                      {label}
                    </Link>
                    <ChevronRight size={13} aria-hidden className="mx-1" />
                  </li>
                ))}
                <li aria-current="page" className="max-w-[60vw] truncate">
                  {title}
                </li>
              </ol>
            </nav>
          )}
          <div className="flex flex-wrap items-baseline gap-x-3">
            <h1 className="text-xl font-semibold break-words" id="page-title" tabIndex={-1}>
              {title}
            </h1>
            {note !== undefined && <span className="text-muted">{note}</span>}
          </div>
        </div>
        {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </div>
      {children}
    </div>
  )
}

/** A part of a page with a heading. */
export function Card({
  title,
  actions,
  children,
}: {
  readonly title: string
  readonly actions?: ReactNode
  readonly children: ReactNode
}): ReactNode {
  return (
    <section className="bg-panel border-line min-w-0 rounded-lg border">
      <div className="border-line flex min-h-11 items-center justify-between gap-2 border-b px-4">
        <h2 className="font-semibold">{title}</h2>
        {actions}
      </div>
      <div className="p-4">{children}</div>
    </section>
  )
}

/** What a list or page says when there is nothing to show, and what to do about it. */
export function Empty({
  title,
  children,
  action,
}: {
  readonly title: string
  readonly children?: ReactNode
  readonly action?: ReactNode
}): ReactNode {
  return (
    <div className="bg-panel border-line grid flex-1 place-content-center justify-items-center gap-2 rounded-lg border p-10 text-center">
      <p className="font-semibold">{title}</p>
      {children !== undefined && <div className="text-muted max-w-md">{children}</div>}
      {action !== undefined && <div className="mt-2">{action}</div>}
    </div>
  )
}

/** Names and values, in two columns. What is not known is left out. */
export function Facts({
  facts,
}: {
  readonly facts: readonly (readonly [name: string, value: ReactNode])[]
}): ReactNode {
  const known = facts.filter(([, value]) => value !== undefined && value !== '' && value !== null)
  return (
    <dl className="grid grid-cols-[minmax(7rem,auto)_minmax(0,1fr)] gap-x-4 gap-y-2">
      {known.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="min-w-0 break-words">{value}</dd>
        </div>
      ))}
    </dl>
  )
}
