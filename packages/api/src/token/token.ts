import { z } from 'zod'
import { TokenId, UserId } from '../ids/own-id.ts'
import { Grant } from '../role/role.ts'
import { text, time } from '../schema/fields.ts'

/** A key for programs. It may do what its user may do, and no more than its own grants. */
export const Token = z
  .strictObject({
    id: TokenId,
    user: UserId,
    name: text('What it is for.'),
    grants: z
      .array(Grant)
      .optional()
      .meta({ description: 'All that it may do; all that its user may do when absent.' }),
    created: time('When it was made.'),
    expires: time('When it stops to work; never when absent.').optional(),
    lastUsed: time('When it was last used, to the minute.').optional(),
  })
  .meta({ id: 'Token', description: 'A key for programs.' })
export type Token = z.infer<typeof Token>
