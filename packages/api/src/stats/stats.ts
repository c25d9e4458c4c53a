import { z } from 'zod'
import { duration, time, word } from '../schema/fields.ts'

/** How far back, and with that how fine: what hosts keep in their round-robin archives. */
export const statsSpans = ['10m', '2h', '1w', '1y'] as const

/** One line of a chart. */
export const StatsSeries = z
  .strictObject({
    name: z.string().meta({
      description:
        'What is measured: `cpu` (fraction of all), `cpu.0`, `memory`, `disk.read`, `disk.write`, `network.receive`, `network.transmit`, `load`, …; with `.DEVICE` behind for one device.',
    }),
    unit: word(
      ['fraction', 'bytes', 'bytes/s', 'operations/s', 'duration', 'count'],
      'Unit of the values; durations are in milliseconds.',
    ),
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
