import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { areas } from './areas.tsx'
import { shell } from '../i18n/shell.ts'

/** Areas of the console. */
export function Rail({ onChosen }: { readonly onChosen?: () => void }): ReactNode {
  return (
    <nav aria-label={shell.areas} className="p-2">
      <ul className="grid gap-0.5">
        {areas.map(({ to, label, icon, apart }) => (
          <li key={to} className={apart === true ? 'border-line mt-2 border-t pt-2' : ''}>
            <Link
              to={to}
              activeOptions={{ exact: to === '/', includeSearch: false }}
              {...(onChosen ? { onClick: onChosen } : {})}
              className="hover:bg-hover text-muted hover:text-ink data-[status=active]:bg-chosen data-[status=active]:text-ink flex min-h-9 items-center gap-3 rounded-md px-3 font-medium"
            >
              {icon}
              {label}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  )
}
