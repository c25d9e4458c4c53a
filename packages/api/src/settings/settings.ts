import { z } from 'zod'
import { flag, text, word } from '../schema/fields.ts'

/** One setting, where its value comes from, and whether it can be changed here. */
export const Setting = z
  .strictObject({
    key: text('Name: server.base_path, session.idle, …'),
    description: text('What it does.'),
    value: z.unknown().meta({ description: 'What it is now; absent when it is a secret.' }),
    default: z.unknown().meta({ description: 'What it is when nobody sets it.' }),
    source: word(['flag', 'environment', 'file', 'database', 'default'], 'Where the value comes from.'),
    origin: text('Which flag, variable, or file and line.').optional(),
    readOnly: flag('It is set from outside and cannot be changed here.'),
    secret: flag('Its value is not shown.'),
    restart: flag('A change is used after the next start.'),
  })
  .meta({ id: 'Setting', description: 'One setting and where its value comes from.' })
export type Setting = z.infer<typeof Setting>
