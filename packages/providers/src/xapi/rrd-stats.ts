import { seriesName, statsMetrics, type Stats, type StatsMetric, type StatsSeries } from '@nixen/api'
import { KiB, MiB } from '@nixen/core'
import type { RrdSeries, RrdUpdates } from '@nixen/xapi'

/** The archives of a host (xcp-rrdd): step and reach in milliseconds. */
const minute = 60_000
const hour = 60 * minute
const coarsest = { step: 24 * hour, reach: 366 * 24 * hour }
const archives = [
  { step: 5000, reach: 10 * minute },
  { step: minute, reach: 2 * hour },
  { step: hour, reach: 7 * 24 * hour },
  coarsest,
] as const

/** What to ask a host for: from when, in steps of what; milliseconds. */
export interface ArchiveChoice {
  readonly start: number
  readonly step: number
}

/**
 * The archive that is used: the finest that reaches back to `from`, give or take a step, and no finer than what was asked for. The start is
 * one that the archive has: a host answers from a coarser one otherwise.
 */
export function chooseArchive(query: { from: number; now: number; step: number | undefined }): ArchiveChoice {
  const { from, now, step: wanted = 0 } = query
  const fits = archives.filter(({ step }) => step >= wanted)
  const { step, reach } = fits.find((archive) => archive.reach + archive.step >= now - from) ?? coarsest
  // A step is left over for what passes until the host looks at its clock.
  return { start: Math.max(from, now - reach + step), step }
}

/** Data sources by name, in the order of trial. The first group is the instance. */
const sources: readonly { readonly name: RegExp; readonly metric: StatsMetric; readonly factor?: number }[] = [
  { name: /^cpu(\d+)$/, metric: 'cpu' },
  { name: /^cpu_avg$|^cpu_usage$/, metric: 'cpu' },
  { name: /^loadavg$/, metric: 'load' },
  { name: /^memory$/, metric: 'memory.total' },
  { name: /^memory_total_kib$/, metric: 'memory.total', factor: KiB },
  { name: /^memory_(?:internal_free|free_kib)$/, metric: 'memory.free', factor: KiB },
  { name: /^[vp]if_(?!aggr_)(\w+)_rx$/, metric: 'network.receive' },
  { name: /^[vp]if_(?!aggr_)(\w+)_tx$/, metric: 'network.transmit' },
  { name: /^pif_aggr_rx$/, metric: 'network.receive' },
  { name: /^pif_aggr_tx$/, metric: 'network.transmit' },
  { name: /^vbd_(\w+?)_read$/, metric: 'disk.read' },
  { name: /^vbd_(\w+?)_write$/, metric: 'disk.write' },
  { name: /^vbd_(\w+?)_iops_read$/, metric: 'disk.read-operations' },
  { name: /^vbd_(\w+?)_iops_write$/, metric: 'disk.write-operations' },
  { name: /^vbd_(\w+?)_read_latency$/, metric: 'disk.read-latency', factor: 1 / 1000 },
  { name: /^vbd_(\w+?)_write_latency$/, metric: 'disk.write-latency', factor: 1 / 1000 },
  { name: /^(?:read)_([0-9a-f]{8})$/, metric: 'disk.read' },
  { name: /^(?:write)_([0-9a-f]{8})$/, metric: 'disk.write' },
  { name: /^iops_read_([0-9a-f]{8})$/, metric: 'disk.read-operations' },
  { name: /^iops_write_([0-9a-f]{8})$/, metric: 'disk.write-operations' },
  { name: /^io_throughput_read_([0-9a-f]{8})$/, metric: 'disk.read', factor: MiB },
  { name: /^io_throughput_write_([0-9a-f]{8})$/, metric: 'disk.write', factor: MiB },
  { name: /^DCMI-power-reading$/, metric: 'power' },
]

/**
 * What a host measured of one object, in the terms of the contract. Data sources that no metric stands for are left out; a moment
 * without a row has no values.
 */
export function statsOf(updates: RrdUpdates, uuid: string): Stats {
  const grid = gridOf(updates)
  const series: StatsSeries[] = []
  const seen = new Set<string>()
  for (const source of updates.series) {
    const found = source.uuid === uuid ? toSeries(source, grid) : undefined
    // A storage says its throughput in two units.
    if (!found || seen.has(found.name)) continue
    seen.add(found.name)
    series.push(found)
  }
  const total = series.find(({ name }) => name === 'memory.total')
  const free = series.find(({ name }) => name === 'memory.free')
  if (total && free) series.push(difference(total, free))
  const cores = series.filter(({ name }) => name.startsWith('cpu.'))
  if (cores.length > 0 && !seen.has('cpu')) series.unshift(mean(cores))
  return { start: updates.times[0] ?? updates.start, step: updates.step, series }
}

/** For each step from the first row to the last the row of that moment; `-1` where the host left it out. */
function gridOf({ times, step }: RrdUpdates): readonly number[] {
  const [first = 0] = times
  const places = Array.from(times, (time) => Math.round((time - first) / step))
  const grid = Array.from({ length: (places.at(-1) ?? -1) + 1 }, () => -1)
  for (const [row, place] of places.entries()) grid[place] = row
  return grid
}

function toSeries({ name, values }: RrdSeries, grid: readonly number[]): StatsSeries | undefined {
  for (const { name: pattern, metric, factor = 1 } of sources) {
    const match = pattern.exec(name)
    if (!match) continue
    const numbers = grid.map((row) => {
      const value = values[row] ?? Number.NaN
      return Number.isFinite(value) ? value * factor : null
    })
    return { name: seriesName(metric, match[1]), unit: statsMetrics[metric], values: numbers }
  }
  return undefined
}

function difference(total: StatsSeries, free: StatsSeries): StatsSeries {
  const values = total.values.map((value, index) => {
    const rest = free.values[index] ?? null
    return value === null || rest === null ? null : Math.max(0, value - rest)
  })
  return { name: 'memory', unit: statsMetrics.memory, values }
}

function mean(cores: readonly StatsSeries[]): StatsSeries {
  const values = (cores[0]?.values ?? []).map((_, index) => {
    const known = cores.map((core) => core.values[index] ?? null).filter((value) => value !== null)
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length
  })
  return { name: 'cpu', unit: statsMetrics.cpu, values }
}
