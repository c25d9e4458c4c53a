import type { ResourceId } from '@nixen/api'

/** What a series measures; every provider's own names are mapped to these. */
export type Metric =
  | 'cpu'
  | 'cpu-core'
  | 'load'
  | 'memory-total'
  | 'memory-used'
  | 'memory-free'
  | 'disk-read'
  | 'disk-write'
  | 'disk-read-ops'
  | 'disk-write-ops'
  | 'disk-read-latency'
  | 'disk-write-latency'
  | 'network-receive'
  | 'network-send'
  | 'network-errors'
  | 'power'

/** Unit of each metric. `fraction` is of all processors (`cpu`) or of one (`cpu-core`); `load` counts running threads. */
export const metricUnits = {
  cpu: 'fraction',
  'cpu-core': 'fraction',
  load: 'count',
  'memory-total': 'bytes',
  'memory-used': 'bytes',
  'memory-free': 'bytes',
  'disk-read': 'bytes/s',
  'disk-write': 'bytes/s',
  'disk-read-ops': '1/s',
  'disk-write-ops': '1/s',
  'disk-read-latency': 'ms',
  'disk-write-latency': 'ms',
  'network-receive': 'bytes/s',
  'network-send': 'bytes/s',
  'network-errors': '1/s',
  power: 'watt',
} as const satisfies Record<Metric, string>
export type MetricUnit = (typeof metricUnits)[Metric]

/** One measurement over time. */
export interface StatsSeries {
  readonly metric: Metric
  readonly unit: MetricUnit
  /** Which core, disk, NIC or storage, as its owner calls it; absent for the whole object. */
  readonly instance?: string
  /** A value for each of {@link Stats.times}; `null` where nothing was measured. */
  readonly values: readonly (number | null)[]
}

/** Measurements of one object, oldest first. */
export interface Stats {
  readonly id: ResourceId
  /** Milliseconds between values; the provider's own, so it may differ from what was asked for. */
  readonly step: number
  /** Epoch milliseconds. */
  readonly times: readonly number[]
  readonly series: readonly StatsSeries[]
}

export interface StatsQuery {
  /** A host, VM or storage. */
  readonly id: ResourceId
  /** Epoch milliseconds of the oldest value wanted. */
  readonly from: number
  /** Milliseconds between values; the finest that reaches back to `from` when left out. */
  readonly step?: number | undefined
  readonly signal?: AbortSignal | undefined
}
