import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { may, type Permission } from '@nixen/api'
import { settingsText as t } from '../../i18n/settings.ts'
import { useAccess } from '../../session/may.ts'
import { Page } from '../../ui/page.tsx'

interface Part {
  readonly to: string
  readonly label: string
  /** Who has it not does not see the part. */
  readonly needs?: Permission
}

const parts: readonly Part[] = [
  { to: '/settings/account', label: t.account },
  { to: '/settings/browser', label: t.appearance },
  { to: '/settings/users', label: t.users, needs: 'user:read' },
  { to: '/settings/roles', label: t.roles, needs: 'role:read' },
  { to: '/settings/notifications', label: t.channels, needs: 'channel:read' },
  { to: '/settings/audit', label: t.audit, needs: 'audit:read' },
  { to: '/settings/server', label: t.server, needs: 'settings:read' },
  { to: '/settings/about', label: t.about },
]

/** The frame of a page of the settings: its title, and the other parts. */
export function SettingsFrame({
  title,
  actions,
  fill = false,
  children,
}: {
  readonly title: string
  readonly actions?: ReactNode
  readonly fill?: boolean
  readonly children: ReactNode
}): ReactNode {
  const access = useAccess()
  const seen = parts.filter(({ needs }) => needs === undefined || may(access, needs))
  return (
    <Page title={title} actions={actions} fill={fill}>
      <nav aria-label={t.parts} className="border-line -mt-1 overflow-x-auto border-b">
        <ul className="flex">
          {seen.map(({ to, label }) => (
            <li key={to}>
              <Link
                to={to}
                className="text-muted hover:text-ink data-[status=active]:border-solid data-[status=active]:text-ink block border-b-2 border-transparent px-3 py-2 whitespace-nowrap"
              >
                {label}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      {children}
    </Page>
  )
}
