import { z } from 'zod'
import { duration, fraction, text } from '../schema/fields.ts'

const limit = {
  above: fraction('It begins above this part of all.'),
  clear: fraction('It ends at or below this part; 0.05 below "above" when left out.').optional(),
} as const
const of = {
  q: text('Query of the objects that are looked at: pool:prod !tag:lab; all when left out.').max(4000).optional(),
} as const

/** Types of objects whose queries an alert can ask. */
export const alertQueryTypes = [
  'vm',
  'host',
  'pool',
  'storage',
  'disk',
  'network',
  'nic',
  'snapshot',
  'template',
  'connection',
  'repository',
] as const
export type AlertQueryType = (typeof alertQueryTypes)[number]

/** What an alert looks for. */
export const AlertCondition = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('host-cpu'), ...limit, ...of }),
    z.strictObject({ kind: z.literal('host-memory'), ...limit, ...of }),
    z.strictObject({ kind: z.literal('storage-usage'), ...limit, ...of }),
    z.strictObject({ kind: z.literal('host-down'), ...of }),
    z.strictObject({ kind: z.literal('connection-down'), ...of }),
    z.strictObject({
      kind: z.literal('query'),
      type: z.enum(alertQueryTypes).default('vm').meta({ description: 'Type of the objects.' }),
      q: text('It is about each object that this finds: power:running !tag:backup.').min(1).max(4000),
    }),
    z.strictObject({
      kind: z.literal('certificate'),
      days: z.int().min(1).max(365).default(21).meta({
        description: 'Days before a certificate of Nixen or of a connection ends.',
        unit: 'count',
      }),
    }),
    z.strictObject({ kind: z.literal('job-failed') }),
    z.strictObject({
      kind: z.literal('job-late'),
      after: duration('Milliseconds after a schedule was due without a run that went well.').default(2 * 3600 * 1000),
    }),
    z.strictObject({ kind: z.literal('repository') }),
  ])
  .meta({ id: 'AlertCondition', description: 'What an alert looks for.' })
export type AlertCondition = z.output<typeof AlertCondition>
export type AlertKind = AlertCondition['kind']
