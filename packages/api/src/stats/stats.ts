import { z } from 'zod'
import { duration, time, word } from '../schema/fields.ts'

/** How far back, and with that how fine: what hosts keep in their round-robin archives. */
export const statsSpans = ['10m', '2h', '1w', '1y'] as const

/** Units of measurements. Durations are in milliseconds. */
export const statsUnits = ['fraction', 'bytes', 'bytes/s', 'operations/s', 'duration', 'count', 'watt'] as const

/** What can be measured, and in what; a provider maps its own names to these. */
export const statsMetrics = {
  cpu: 'fraction',
  load: 'count',
  memory: 'bytes',
  'memory.total': 'bytes',
  'memory.free': 'bytes',
  'disk.read': 'bytes/s',
  'disk.write': 'bytes/s',
  'disk.read-operations': 'operations/s',
  'disk.write-operations': 'operations/s',
  'disk.read-latency': 'duration',
  'disk.write-latency': 'duration',
  'network.receive': 'bytes/s',
  'network.transmit': 'bytes/s',
  'network.errors': 'operations/s',
  power: 'watt',
} as const satisfies Readonly<Record<string, (typeof statsUnits)[number]>>
export type StatsMetric = keyof typeof statsMetrics

/** The name of a series: `cpu`, or of one device or core `cpu.0`, `disk.read.xvda`. */
export function seriesName(metric: StatsMetric, instance?: string): string {
  return instance === undefined ? metric : `${metric}.${instance}`
}

/** One line of a chart. */
export const StatsSeries = z
  .strictObject({
    name: z.string().meta({
      description:
        'What is measured: `cpu` (fraction of all), `cpu.0`, `memory` (in use), `memory.total`, `disk.read`, `disk.write`, `network.receive`, `network.transmit`, `load`, …; with `.DEVICE` behind for one device.',
    }),
    unit: word(statsUnits, 'Unit of the values; durations are in milliseconds.'),
    values: z
      .array(z.number().nullable())
      .meta({ description: 'One for each step from `start`; null where nothing was measured.' }),
  })
  .meta({ id: 'StatsSeries', description: 'One line of a chart.' })
export type StatsSeries = z.infer<typeof StatsSeries>

/** What was measured of one object. */
export const Stats = z
  .strictObject({
    start: time('When the first value was measured.'),
    step: duration('Between two values.'),
    series: z.array(StatsSeries),
  })
  .meta({ id: 'Stats', description: 'What was measured of one object.' })
export type Stats = z.infer<typeof Stats>
