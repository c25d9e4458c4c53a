import { z } from 'zod'
import { AlertId, ChannelId } from '../ids/own-id.ts'
import { weekdays } from '../repository/repository.ts'
import { count, duration, flag, text, time, word } from '../schema/fields.ts'
import { AlertCondition } from './condition.ts'

/** Severities of alerts, those of alarms. */
export const alertSeverities = ['critical', 'warning', 'info'] as const
export type AlertSeverity = (typeof alertSeverities)[number]

const clockTime = (description: string) =>
  z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: 'Not a time of day like 02:30.' })
    .meta({ description })

/** Hours in which an alert tells nobody. */
export const QuietHours = z
  .strictObject({
    days: z
      .array(z.enum(weekdays))
      .min(1)
      .optional()
      .meta({ description: 'Days on which they begin; all when left out.' }),
    from: clockTime('When they begin.'),
    to: clockTime('When they end; on the next day when that is not later.'),
    timeZone: text('Time zone of the IANA database; UTC when left out.').max(100).optional(),
  })
  .meta({ id: 'QuietHours', description: 'Hours in which an alert tells nobody.' })
export type QuietHours = z.infer<typeof QuietHours>

const fields = {
  name: text('Name.').min(1).max(200),
  description: text('Text for people.').max(10_000).optional(),
  enabled: flag('It is looked at.').default(true),
  severity: word(alertSeverities, 'How soon somebody should look.').default('warning'),
  condition: AlertCondition,
  for: duration('Milliseconds that the condition must last before it counts.')
    .max(7 * 86_400_000)
    .default(0),
  clearFor: duration('Milliseconds that it must be gone before it is over.')
    .max(7 * 86_400_000)
    .default(0),
  message: text(
    'Text of the message with placeholders: {object.name}, {object.id}, {value}, {threshold}, {since}, {url}, {rule}, {severity}; the usual one of the condition when left out.',
  )
    .max(2000)
    .optional(),
  channels: z
    .array(ChannelId)
    .max(20)
    .default([])
    .meta({ description: 'Who is told; nobody when empty, the alarm is shown all the same.' }),
  repeat: duration('Milliseconds after which it is told again while it lasts; never when left out.')
    .min(60_000)
    .max(30 * 86_400_000)
    .optional(),
  onClear: flag('It is told as well when it is over.').default(true),
  quiet: z
    .array(QuietHours)
    .max(20)
    .default([])
    .meta({ description: 'Hours in which nobody is told; what lasts longer is told afterwards.' }),
  silenceTags: z
    .array(z.string().min(1).max(200))
    .max(50)
    .default(['nixen:silent'])
    .meta({ description: 'Nobody is told about objects with one of these tags.' }),
} as const

/** A new alert. */
export const NewAlert = z.strictObject(fields).meta({ id: 'NewAlert', description: 'A new alert.' })
export type NewAlert = z.output<typeof NewAlert>

/** A rule: what is looked for, how long it must last, who is told and how. */
export const Alert = z
  .strictObject({
    ...fields,
    id: AlertId,
    silenced: z
      .strictObject({ until: time('Until when.'), reason: text('Why, in somebody’s words.').optional() })
      .optional()
      .meta({ description: 'Nobody is told until then.' }),
    created: time('When it was made.'),
    firing: count('Objects for which it holds now.'),
    problem: text(
      'Why it cannot be looked at now: a query that no longer fits, statistics that do not come.',
    ).optional(),
  })
  .meta({ id: 'Alert', description: 'A rule: what is looked for, how long it must last, who is told and how.' })
export type Alert = z.output<typeof Alert>

/** One object for which an alert holds, or begins to. */
export const ActiveAlert = z
  .strictObject({
    alert: AlertId,
    name: text('Name of the alert.'),
    severity: word(alertSeverities, 'How soon somebody should look.'),
    state: word(['pending', 'firing', 'clearing'], 'Not long enough yet; holds; gone, not long enough yet.'),
    on: text('Id of the object.'),
    onName: text('Its name.'),
    message: text('What it is, for people.'),
    since: time('Since when it is in this state.'),
    fired: time('When it began to count.').optional(),
    silenced: flag('Nobody is told now.'),
    told: time('When somebody was told last.').optional(),
  })
  .meta({ id: 'ActiveAlert', description: 'One object for which an alert holds, or begins to.' })
export type ActiveAlert = z.infer<typeof ActiveAlert>
