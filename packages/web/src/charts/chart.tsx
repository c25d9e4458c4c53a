import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react'
import { formatClock, formatDay } from '../format/format.ts'
import { chartsText as t } from '../i18n/charts.ts'
import { preferences } from '../shell/preferences.ts'
import { theme } from '../shell/theme.ts'
import { useMedia } from '../ui/use-media.ts'
import { useValue } from '../value.ts'
import { formatValue, type ChartData } from './groups.ts'

/** Colours of lines, told apart by people who see few colours, too; on light and on dark ground. */
const colours = {
  light: ['#0b5fc4', '#b3541e', '#116039', '#7b3fa0', '#8a6d00', '#a8201a', '#0f7680', '#5a5a5a'],
  dark: ['#79b8ff', '#f0a35e', '#5fd39d', '#c99bf0', '#e3c94b', '#ff938b', '#5cc9d4', '#bdbdbd'],
} as const
const height = 170

/** Steps of axes with bytes: round numbers are powers of two there. */
const powers = Array.from({ length: 54 }, (_, power) => 2 ** power)

/** What part of the time is seen, in seconds; all of it when absent. */
export interface Zoom {
  readonly min: number
  readonly max: number
}

export interface ChartProps {
  readonly data: ChartData
  /** Charts with the same key share their cursor. */
  readonly syncKey: string
  readonly zoom: Zoom | undefined
  readonly onZoom: (zoom: Zoom | undefined) => void
}

/** A chart over time. What it shows is said in words beside it: the value at the cursor, otherwise the last one. */
export function Chart({ data, syncKey, zoom, onZoom }: ChartProps): ReactNode {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const [cursor, setCursor] = useState<number>()
  const isDark = useMedia('(prefers-color-scheme: dark)')
  const chosen = useValue(theme)
  const palette = colours[(chosen === 'system' ? isDark : chosen === 'dark') ? 'dark' : 'light']
  const { unit, lines, times } = data
  const key = lines.map(({ id }) => id).join()
  // uPlot only reads them.
  const aligned = useMemo(() => [times, ...lines.map(({ values }) => values)] as uPlot.AlignedData, [times, lines])
  const newest = useRef({ aligned, onZoom })
  newest.current = { aligned, onZoom }
  useEffect(() => {
    const element = place.current
    if (!element) return
    const made = new uPlot(
      optionsOf({
        width: element.clientWidth,
        unit,
        syncKey,
        palette,
        count: key.split(',').length,
        setCursor,
        zoomed: (next) => newest.current.onZoom(next),
      }),
      newest.current.aligned,
      element,
    )
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [unit, key, syncKey, palette])
  useEffect(() => {
    plot.current?.setData(aligned, zoom === undefined)
    if (zoom) plot.current?.setScale('x', zoom)
  }, [aligned, zoom, palette])
  const at = cursor ?? lastIn(lines)
  return (
    <figure className="min-w-0" aria-label={summaryOf(data)}>
      <figcaption className="mb-1 flex flex-wrap items-baseline gap-x-4 gap-y-1">
        <span className="font-semibold">{t.metrics[data.id]}</span>
        {lines.slice(0, 12).map(({ id, label, values }, index) => (
          <span key={id} className="inline-flex items-baseline gap-1.5 text-xs">
            <span
              aria-hidden
              className="inline-block size-2.5 rounded-sm"
              style={{ background: palette[index % palette.length] }}
            />
            {label} <b className="font-semibold">{formatValue(values[at], unit)}</b>
          </span>
        ))}
        <span className="text-muted ml-auto text-xs" aria-hidden>
          {cursor === undefined ? '' : momentOf(times[cursor])}
        </span>
      </figcaption>
      <div ref={place} aria-hidden style={{ height }} />
    </figure>
  )
}

function momentOf(seconds: number | undefined): string {
  return seconds === undefined ? '' : `${formatDay(seconds * 1000)} ${formatClock(seconds * 1000)}`
}

/** The last place where any line has a value. */
function lastIn(lines: ChartData['lines']): number {
  return Math.max(0, ...lines.map(({ values }) => values.findLastIndex((value) => value !== null)))
}

function summaryOf({ id, unit, lines }: ChartData): string {
  const parts = lines.slice(0, 12).map(({ label, values }) => {
    const known = values.filter((value) => value !== null)
    return t.summary({
      name: label,
      last: formatValue(known.at(-1), unit),
      most: formatValue(known.length === 0 ? null : known.reduce((a, b) => Math.max(a, b)), unit),
    })
  })
  return `${t.metrics[id]}. ${parts.join('; ')}`
}

interface PlotInput {
  readonly width: number
  readonly unit: ChartData['unit']
  readonly syncKey: string
  readonly palette: readonly string[]
  readonly count: number
  readonly setCursor: (at: number | undefined) => void
  readonly zoomed: (zoom: Zoom) => void
}

function optionsOf({ width, unit, syncKey, palette, count, setCursor, zoomed }: PlotInput): uPlot.Options {
  const style = getComputedStyle(document.body)
  const axis = {
    stroke: style.color,
    grid: { stroke: `color-mix(in srgb, ${style.color} 12%, transparent)`, width: 1 },
    ticks: { show: false },
  }
  return {
    width: Math.max(50, width),
    height,
    legend: { show: false },
    cursor: { sync: { key: syncKey }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    ...(preferences.timeZone === undefined
      ? {}
      : { tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), preferences.timeZone ?? 'UTC') }),
    scales: {
      y: { range: (_, __, most) => [0, unit === 'fraction' ? Math.max(1, most) : Math.max(most * 1.08, 1e-6)] },
    },
    axes: [
      {
        ...axis,
        size: 28,
        space: 70,
        values: (_, splits, __, ___, step) =>
          splits.map((at) => (step < 86_400 ? formatClock(at * 1000) : formatDay(at * 1000))),
      },
      {
        ...axis,
        size: 76,
        ...(unit === 'bytes' || unit === 'bytes/s' ? { incrs: powers } : {}),
        values: (_, splits) => splits.map((value) => formatValue(value, unit)),
      },
    ],
    series: [
      {},
      ...Array.from({ length: count }, (_, index) => ({
        stroke: palette[index % palette.length] ?? style.color,
        width: 1.5,
        points: { show: false },
        spanGaps: false,
      })),
    ],
    hooks: {
      setCursor: [({ cursor: { idx } }) => setCursor(idx ?? undefined)],
      setSelect: [
        (made) => {
          const { left, width: wide } = made.select
          if (wide < 4) return
          zoomed({ min: made.posToVal(left, 'x'), max: made.posToVal(left + wide, 'x') })
          made.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
        },
      ],
    },
  }
}
