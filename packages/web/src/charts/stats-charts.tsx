import { statsSpans, type Stats } from '@nixen/api'
import { useQueries } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { chartsText as t } from '../i18n/charts.ts'
import { common } from '../i18n/common.ts'
import { client } from '../session/session.ts'
import { Button } from '../ui/button.tsx'
import { errorText } from '../ui/error-text.ts'
import { Notice } from '../ui/notice.tsx'
import { Chart, type Zoom } from './chart.tsx'
import { chartsOf, comparison } from './groups.ts'

/** What was measured: of one object with its parts, or of several to compare. */
export interface Measured {
  readonly type: 'vm' | 'host' | 'storage'
  readonly id: string
  readonly name: string
}

/** How often new values come, by span, in milliseconds. */
const pace = { '10m': 5000, '2h': 60_000, '1w': 300_000, '1y': 3_600_000 } as const
type Span = (typeof statsSpans)[number]

async function ask({ type, id }: Measured, span: Span, signal: AbortSignal): Promise<Stats> {
  if (type === 'vm') return await client.vm.stats({ id, span }, { signal })
  if (type === 'host') return await client.host.stats({ id, span }, { signal })
  return await client.storage.stats({ id, span }, { signal })
}

/** Charts with one time for all: the cursor of one is that of all, and so is what is looked at closer. New values come by themselves. */
export function StatsCharts({ objects }: { readonly objects: readonly Measured[] }): ReactNode {
  const [span, setSpan] = useState<Span>('10m')
  const [zoom, setZoom] = useState<Zoom>()
  const results = useQueries({
    queries: objects.map((object) => ({
      queryKey: ['stats', object.id, span],
      queryFn: async ({ signal }: { signal: AbortSignal }) => await ask(object, span, signal),
      refetchInterval: pace[span],
      retry: false,
    })),
  })
  const isPending = results.some((result) => result.isPending)
  const failed = results.find((result) => result.error)?.error
  const known = objects.flatMap((object, index) => {
    const stats = results[index]?.data
    return stats ? [{ ...object, stats }] : []
  })
  const [only] = known
  const charts = known.length === 0 ? [] : objects.length === 1 && only ? chartsOf(only.stats) : comparison(known)
  return (
    <div className="grid gap-4">
      <div className="flex flex-wrap items-center gap-2" role="group" aria-label={t.span}>
        {statsSpans.map((one) => (
          <Button
            key={one}
            look={one === span ? 'solid' : 'plain'}
            aria-pressed={one === span}
            onClick={() => {
              setSpan(one)
              setZoom(undefined)
            }}
          >
            {t.spans[one]}
          </Button>
        ))}
        {zoom ? (
          <Button onClick={() => setZoom(undefined)}>{t.zoomOut}</Button>
        ) : (
          <span className="text-muted text-xs max-sm:hidden">{t.zoomHelp}</span>
        )}
      </div>
      {failed && <Notice tone="bad">{errorText(failed)}</Notice>}
      {isPending && charts.length === 0 && !failed && <p role="status">{common.loading}</p>}
      {!isPending && charts.length === 0 && !failed && <p className="text-muted">{t.nothing}</p>}
      <div className="grid gap-4 2xl:grid-cols-2">
        {charts.map((data) => (
          <section key={data.id} className="bg-panel border-line min-w-0 rounded-lg border p-4">
            <Chart data={data} syncKey={objects.map(({ id }) => id).join()} zoom={zoom} onZoom={setZoom} />
          </section>
        ))}
      </div>
    </div>
  )
}
