import type { ReactNode } from 'react'
import { may, type Permission } from '@nixen/api'
import { settingsText as t } from '../../i18n/settings.ts'
import { useAccess } from '../../session/may.ts'
import { Page } from '../../ui/page.tsx'
import { TabLinks, type TabLink } from '../../ui/tab-links.tsx'

interface Part extends TabLink {
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
      <TabLinks label={t.parts} tabs={seen} />
      {children}
    </Page>
  )
}
