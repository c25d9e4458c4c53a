import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { AlertId } from '../ids/own-id.ts'
import { count, duration, flag, text, time } from '../schema/fields.ts'
import { ActiveAlert, Alert, NewAlert } from './alert.ts'

const params = z.strictObject({ id: AlertId })
const badAlert = ['alert.bad_template', 'alert.bad_threshold', 'query.invalid', 'channel.not_found'] as const

/** Rules that tell people when something needs them. They see everything, so who makes one must be allowed to see it. */
export const alertEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/alerts',
    summary: 'List alerts',
    output: z.strictObject({ items: z.array(Alert) }),
    permission: 'alert:read',
    cli: { verb: 'alert list', columns: ['name', 'condition', 'severity', 'enabled', 'firing', 'silenced', 'id'] },
  }),
  active: endpoint({
    method: 'GET',
    path: '/alerts/active',
    summary: 'List what alerts hold now',
    output: z.strictObject({ items: z.array(ActiveAlert) }),
    permission: 'alert:read',
    cli: { verb: 'alert active', columns: ['severity', 'state', 'since', 'name', 'onName', 'message', 'silenced'] },
  }),
  get: endpoint({
    method: 'GET',
    path: '/alerts/:id',
    summary: 'Show one alert',
    params,
    output: Alert,
    permission: 'alert:read',
    errors: ['alert.not_found'],
    cli: { verb: 'alert get', args: ['id'] },
  }),
  create: endpoint({
    method: 'POST',
    path: '/alerts',
    summary: 'Make an alert',
    input: NewAlert,
    output: Alert,
    permission: 'alert:create',
    audit: 'alert.create',
    errors: badAlert,
    cli: { verb: 'alert create', args: ['name'] },
  }),
  update: endpoint({
    method: 'PUT',
    path: '/alerts/:id',
    summary: 'Change an alert: all of it, as it shall be',
    params,
    input: NewAlert,
    output: Alert,
    permission: 'alert:update',
    audit: 'alert.update',
    errors: ['alert.not_found', ...badAlert],
    cli: { verb: 'alert update', args: ['id'] },
  }),
  enable: endpoint({
    method: 'POST',
    path: '/alerts/:id/enable',
    summary: 'Look at an alert, or not',
    params,
    input: z.strictObject({ enabled: z.boolean().default(true).meta({ description: 'Whether it is looked at.' }) }),
    output: Alert,
    permission: 'alert:update',
    audit: 'alert.enable',
    errors: ['alert.not_found'],
    cli: { verb: 'alert enable', args: ['id'] },
  }),
  remove: endpoint({
    method: 'DELETE',
    path: '/alerts/:id',
    summary: 'Remove an alert and the alarms that it made',
    params,
    permission: 'alert:delete',
    audit: 'alert.remove',
    errors: ['alert.not_found'],
    cli: { verb: 'alert remove', args: ['id'] },
  }),
  silence: endpoint({
    method: 'POST',
    path: '/alerts/:id/silence',
    summary: 'Tell nobody for a while',
    description: 'The alarm is shown all the same. What still holds when the silence is over is told then.',
    params,
    input: z.strictObject({
      until: time('Until when.').optional(),
      for: duration('For how long, instead.')
        .max(366 * 86_400_000)
        .optional(),
      reason: text('Why.').max(1000).optional(),
    }),
    output: Alert,
    permission: 'alert:silence',
    audit: 'alert.silence',
    errors: ['alert.not_found', 'alert.bad_silence'],
    cli: { verb: 'alert silence', args: ['id'] },
  }),
  unsilence: endpoint({
    method: 'POST',
    path: '/alerts/:id/unsilence',
    summary: 'End the silence of an alert',
    params,
    output: Alert,
    permission: 'alert:silence',
    audit: 'alert.unsilence',
    errors: ['alert.not_found'],
    cli: { verb: 'alert unsilence', args: ['id'] },
  }),
  preview: endpoint({
    method: 'POST',
    path: '/alerts/preview',
    summary: 'Show for what an alert would hold now',
    input: NewAlert,
    output: z.strictObject({
      looked: count('How many objects it looks at.'),
      holds: count('For how many of them the condition holds now.'),
      items: z
        .array(
          z.strictObject({
            on: text('Id of the object.'),
            name: text('Its name.'),
            holds: flag('The condition holds now.'),
            message: text('What would be told.'),
          }),
        )
        .meta({ description: 'At most 200 of them, those for which it holds first.' }),
    }),
    permission: 'alert:create',
    audit: 'alert.preview',
    errors: badAlert,
  }),
} as const
