import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { basePath } from '../../base.ts'
import { common } from '../../i18n/common.ts'
import { settingsText as t } from '../../i18n/settings.ts'
import { client } from '../../session/session.ts'
import { errorText } from '../../ui/error-text.ts'
import { Notice } from '../../ui/notice.tsx'
import { Card, Facts } from '../../ui/page.tsx'
import { SimpleTable } from '../../ui/simple-table.tsx'
import { State } from '../../ui/state.tsx'
import { Tags } from '../../ui/tags.tsx'
import { Ago } from '../../ui/time.tsx'
import { SettingsFrame } from './frame.tsx'

const looks = {
  ok: ['full', 'good'],
  degraded: ['half', 'warn'],
  failing: ['cross', 'bad'],
} as const

/** What answers here, what it can do, and whether it works. */
export function AboutPage(): ReactNode {
  const about = useQuery({
    queryKey: ['meta.about'],
    queryFn: async ({ signal }) => await client.meta.about({}, { signal }),
  })
  const health = useQuery({
    queryKey: ['meta.health'],
    queryFn: async ({ signal }) => await client.meta.health({}, { signal }),
    refetchInterval: 15_000,
  })
  const error = about.error ?? health.error
  return (
    <SettingsFrame title={t.about}>
      {error && <Notice tone="bad">{errorText(error)}</Notice>}
      {(about.isPending || health.isPending) && <p role="status">{common.loading}</p>}
      <div className="grid items-start gap-4 xl:grid-cols-2">
        {about.data && (
          <Card title={t.about}>
            <Facts
              facts={[
                [t.version, <code>{about.data.version}</code>],
                [t.api, about.data.api],
                [t.startedAt, health.data && <Ago time={health.data.started} />],
                [
                  t.features,
                  <span className="flex flex-wrap gap-1" translate="no">
                    {about.data.features.map((feature) => (
                      <Tags key={feature} tags={[feature]} />
                    ))}
                  </span>,
                ],
                [t.license, t.licenseText],
                [
                  t.openApi,
                  <a href={`${basePath}api/v1/openapi.json`} className="text-accent underline">
                    <code>openapi.json</code>
                  </a>,
                ],
              ]}
            />
          </Card>
        )}
        {health.data && (
          <Card title={t.health}>
            <SimpleTable
              label={t.health}
              heads={[common.name, common.state]}
              none={common.noneOfThem}
              rows={health.data.checks.map(({ name, status, message }) => ({
                id: name,
                cells: [
                  <code className="text-xs">{name}</code>,
                  <>
                    <State shape={looks[status][0]} tone={looks[status][1]}>
                      {t.healths[status]}
                    </State>
                    {message !== undefined && <span className="text-muted block">{message}</span>}
                  </>,
                ],
              }))}
            />
          </Card>
        )}
      </div>
    </SettingsFrame>
  )
}
