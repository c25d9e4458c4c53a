import { z } from 'zod'
import { ConnectionId } from '../ids/own-id.ts'
import { AlarmId, AnyId } from '../ids/resource-id.ts'
import { text, time, word } from '../schema/fields.ts'

/** Something that somebody should look at: a message of a pool, or Nixen's own finding (connection `nixen`). */
export const Alarm = z
  .strictObject({
    id: AlarmId,
    connection: ConnectionId.meta({ description: '`nixen` for a finding of Nixen itself.' }),
    name: text('What it is, for programs: the provider’s name of the message.'),
    message: text('What it is, for people.'),
    severity: word(['critical', 'warning', 'info'], 'How soon to look.'),
    on: AnyId.optional().meta({ description: 'The object that it is about.' }),
    time: time('When it happened.'),
  })
  .meta({ id: 'Alarm', description: 'Something that somebody should look at.' })
export type Alarm = z.infer<typeof Alarm>
