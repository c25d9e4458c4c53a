import type { Stats, StatsSeries } from '@nixen/api'
import { formatBytes, formatPart, formatRate, formatShort } from '../format/format.ts'
import { chartsText as t } from '../i18n/charts.ts'

/** A chart: what it shows, of which series. */
export interface ChartGroup {
  readonly id: keyof typeof t.metrics
  readonly series: readonly string[]
}

const groups: readonly ChartGroup[] = [
  { id: 'cpu', series: ['cpu'] },
  { id: 'memory', series: ['memory', 'memory.total'] },
  { id: 'load', series: ['load'] },
  { id: 'disk', series: ['disk.read', 'disk.write'] },
  { id: 'operations', series: ['disk.read-operations', 'disk.write-operations'] },
  { id: 'latency', series: ['disk.read-latency', 'disk.write-latency'] },
  { id: 'network', series: ['network.receive', 'network.transmit'] },
  { id: 'power', series: ['power'] },
]

/** A line of a chart, with its name. */
export interface Line {
  readonly id: string
  readonly label: string
  readonly values: readonly (number | null)[]
}

/** What a chart needs: times in seconds, as uPlot wants them, and lines of the same length. */
export interface ChartData {
  readonly id: ChartGroup['id']
  readonly unit: StatsSeries['unit']
  readonly times: readonly number[]
  readonly lines: readonly Line[]
}

const names: Readonly<Record<string, string>> = t.series

/** A series by its name; where only those of devices are there, their sum. */
function seriesOf({ series }: Stats, name: string): StatsSeries | undefined {
  const whole = series.find((one) => one.name === name)
  if (whole) return whole
  const parts = series.filter((one) => one.name.startsWith(`${name}.`))
  const [first] = parts
  if (!first) return undefined
  return { name, unit: first.unit, values: first.values.map((_, at) => sumAt(parts, at)) }
}

/** The charts of one object: those of which something was measured. */
export function chartsOf(stats: Stats): readonly ChartData[] {
  const length = stats.series[0]?.values.length ?? 0
  const times = Array.from({ length }, (_, at) => (stats.start + at * stats.step) / 1000)
  return groups.flatMap(({ id, series }) => {
    const found = series.flatMap((name) => seriesOf(stats, name) ?? [])
    const [first] = found
    if (!first) return []
    const lines = found.map(({ name, values }) => ({ id: name, label: names[name] ?? name, values }))
    return [{ id, unit: first.unit, times, lines }]
  })
}

/** The charts of several objects with one line for each: the sum of what the chart of one object shows. */
export function comparison(
  objects: readonly { readonly id: string; readonly name: string; readonly stats: Stats }[],
): readonly ChartData[] {
  const step = Math.max(...objects.map(({ stats }) => stats.step))
  const from = Math.min(...objects.map(({ stats }) => stats.start))
  const until = Math.max(
    ...objects.map(({ stats }) => stats.start + stats.step * (stats.series[0]?.values.length ?? 0)),
  )
  const length = Math.max(0, Math.round((until - from) / step))
  const times = Array.from({ length }, (_, at) => (from + at * step) / 1000)
  return groups.flatMap(({ id, series }) => {
    const wanted = id === 'memory' ? ['memory'] : series
    const lines = objects.flatMap(({ id: object, name, stats }) => {
      const found = wanted.flatMap((one) => seriesOf(stats, one) ?? [])
      if (found.length === 0) return []
      const shift = Math.round((stats.start - from) / step)
      const values = times.map((_, at) => sumAt(found, at - shift))
      return [{ id: object, label: name, values, unit: found[0]?.unit ?? 'count' }]
    })
    const [first] = lines
    return first ? [{ id, unit: first.unit, times, lines }] : []
  })
}

function sumAt(series: readonly StatsSeries[], at: number): number | null {
  let sum: number | null = null
  for (const { values } of series) {
    const value = values[at]
    if (value !== null && value !== undefined) sum = (sum ?? 0) + value
  }
  return sum
}

/** A value with its unit. */
export function formatValue(value: number | null | undefined, unit: StatsSeries['unit']): string {
  if (value === null || value === undefined) return '–'
  switch (unit) {
    case 'fraction':
      return formatPart(value)
    case 'bytes':
      return formatBytes(Math.round(value))
    case 'bytes/s':
      return formatRate(value)
    case 'operations/s':
      return t.perSecond({ n: formatShort(value) })
    case 'duration':
      return t.milliseconds({ n: formatShort(value) })
    case 'watt':
      return t.watt({ n: formatShort(value) })
    case 'count':
      return formatShort(value)
  }
}
