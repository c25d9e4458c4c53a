import { z } from 'zod'
import { SavedQueryId, UserId } from '../ids/own-id.ts'
import { flag, text } from '../schema/fields.ts'

/** A query that somebody gave a name. */
export const SavedQuery = z
  .strictObject({
    id: SavedQueryId,
    owner: UserId,
    name: text('Name.'),
    type: text('What it lists: vm, host, …'),
    q: text('The query.'),
    sort: text('The order.').optional(),
    columns: z.array(z.string()).optional().meta({ description: 'Fields to show.' }),
    shared: flag('Everybody sees it.'),
    default: flag('The list opens with it, for its owner.'),
  })
  .meta({ id: 'SavedQuery', description: 'A query that somebody gave a name.' })
export type SavedQuery = z.infer<typeof SavedQuery>
