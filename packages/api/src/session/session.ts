import { z } from 'zod'
import { Grant } from '../role/role.ts'
import { flag, text, time } from '../schema/fields.ts'
import { User } from '../user/user.ts'

/** Who is asking, and what they may do. */
export const Me = z
  .strictObject({
    user: User,
    grants: z.array(Grant).meta({ description: 'What you may do now: that of all your roles, or of the token.' }),
    expires: time('When the session ends unless it is used.').optional(),
    csrf: text('To be sent as X-CSRF-Token with everything but GET, when the session is in a cookie.').optional(),
  })
  .meta({ id: 'Me', description: 'Who is asking, and what they may do.' })
export type Me = z.infer<typeof Me>

/** A browser or program that is logged in. */
export const Session = z
  .strictObject({
    id: text('Names the session; it is not its secret.'),
    current: flag('The one that asks.'),
    created: time('When it was logged in.'),
    lastUsed: time('When it was last used, to the minute.'),
    expires: time('When it ends unless it is used.'),
    address: text('Where it comes from.').optional(),
    agent: text('What it says it is.').optional(),
  })
  .meta({ id: 'Session', description: 'A browser or program that is logged in.' })
export type Session = z.infer<typeof Session>

/** What it takes to set up a second factor. */
export const TotpOffer = z
  .strictObject({
    secret: text('Base 32, to type in.'),
    uri: text('otpauth:// URI, for a QR code.'),
  })
  .meta({ id: 'TotpOffer', description: 'What it takes to set up a second factor.' })
export type TotpOffer = z.infer<typeof TotpOffer>
