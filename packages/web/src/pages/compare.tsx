import { useSearch } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { StatsCharts } from '../charts/stats-charts.tsx'
import { chartsText as t } from '../i18n/charts.ts'
import { common } from '../i18n/common.ts'
import { shell } from '../i18n/shell.ts'
import { useAll } from '../live/live.ts'
import { Empty, Page } from '../ui/page.tsx'

/** More lines than this nobody tells apart. */
const most = 8

/** Several VMs on the same charts; which ones stands in the address. */
export function ComparePage(): ReactNode {
  const { ids = '' } = useSearch({ strict: false })
  const wanted = new Set(ids.split(','))
  const vms = useAll('vm').filter(({ id }) => wanted.has(id))
  const shown = vms.slice(0, most)
  return (
    <Page
      title={t.compareOf({ n: shown.length })}
      crumbs={[{ label: shell.vms, to: '/vms' }]}
      fill={shown.length === 0}
    >
      {shown.length === 0 ? (
        <Empty title={t.compareNone} />
      ) : (
        <StatsCharts objects={shown.map(({ id, name }) => ({ type: 'vm', id, name }))} />
      )}
      {vms.length > most && <p className="text-muted">{common.firstShown({ n: most })}</p>}
    </Page>
  )
}
