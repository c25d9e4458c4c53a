import { xapiErrors } from '../errors.ts'
import { unitOf, type RrdUnit } from './units.ts'

/** How several measurements become one value. */
export type Consolidation = 'AVERAGE' | 'MIN' | 'MAX' | 'LAST'

/** One data source over time. */
export interface RrdSeries {
  readonly consolidation: Consolidation | (string & {})
  readonly owner: 'vm' | 'host' | 'sr' | (string & {})
  readonly uuid: string
  /** For example `cpu0`, `memory`, `vif_0_rx`. */
  readonly name: string
  readonly unit: RrdUnit
  /** A value for each of {@link RrdUpdates.times}; `NaN` where there was no measurement. */
  readonly values: Float64Array
}

/** What a host has measured. Oldest first, unlike on the wire. */
export interface RrdUpdates {
  /** Epoch milliseconds. */
  readonly start: number
  readonly end: number
  /** Milliseconds between values. */
  readonly step: number
  /** Epoch milliseconds of each row. */
  readonly times: Float64Array
  readonly series: readonly RrdSeries[]
}

/** Rows as they come over the wire; times in seconds, newest first. */
export interface RrdTable {
  readonly start: number
  readonly end: number
  readonly step: number
  readonly legend: readonly string[]
  readonly rows: readonly { readonly t: number; readonly values: readonly number[] }[]
}

/** Turns rows into series. @throws xapi.bad_answer for rows that do not fit the legend */
export function seriesOf({ start, end, step, legend, rows }: RrdTable): RrdUpdates {
  const oldestFirst = rows.toSorted((a, b) => a.t - b.t)
  for (const { values } of oldestFirst) {
    if (values.length === legend.length) continue
    throw xapiErrors.bad_answer({
      expected: `${legend.length} values in a row`,
      got: `${values.length}`,
      at: '/rrd_updates',
    })
  }
  return {
    start: start * 1000,
    end: end * 1000,
    step: step * 1000,
    times: Float64Array.from(oldestFirst, ({ t }) => t * 1000),
    series: legend.map((entry, column) => ({
      ...readLegend(entry),
      values: Float64Array.from(oldestFirst, ({ values }) => values[column] ?? Number.NaN),
    })),
  }
}

/** `AVERAGE:vm:<uuid>:cpu0`. The name may hold colons. */
function readLegend(entry: string): Omit<RrdSeries, 'values'> {
  const [consolidation = '', owner = '', uuid = '', ...rest] = entry.split(':')
  const name = rest.join(':')
  if (name === '')
    throw xapiErrors.bad_answer({ expected: 'CF:owner:uuid:name', got: entry.slice(0, 200), at: 'the legend' })
  return { consolidation, owner, uuid, name, unit: unitOf(name) }
}
