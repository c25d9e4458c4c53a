import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'

/** A part of an object with an address of its own. */
export interface TabLink {
  readonly to: string
  readonly label: string
}

/** Links to the parts of an object or area; the one at hand is marked. */
export function TabLinks({ label, tabs }: { readonly label: string; readonly tabs: readonly TabLink[] }): ReactNode {
  return (
    <nav aria-label={label} className="border-line -mt-1 overflow-x-auto border-b">
      <ul className="flex">
        {tabs.map(({ to, label: name }) => (
          <li key={to}>
            <Link
              to={to}
              activeOptions={{ exact: true, includeSearch: false }}
              className="text-muted hover:text-ink data-[status=active]:border-solid data-[status=active]:text-ink block border-b-2 border-transparent px-3 py-2 whitespace-nowrap"
            >
              {name}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  )
}
