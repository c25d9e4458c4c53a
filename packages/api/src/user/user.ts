import { z } from 'zod'
import { GroupId, RoleId, UserId } from '../ids/own-id.ts'
import { flag, text, time, word } from '../schema/fields.ts'

/** Somebody who can log in. */
export const User = z
  .strictObject({
    id: UserId,
    name: text('Log-in name.'),
    fullName: text('Name for people.').optional(),
    email: text('Address for mail.').optional(),
    source: word(['local', 'ldap', 'oidc', 'saml'], 'Who checks the password.'),
    disabled: flag('Cannot log in; tokens do not work.'),
    roles: z.array(RoleId).meta({ description: 'Roles given to this user.' }),
    groups: z.array(GroupId).meta({ description: 'Groups that this user is in.' }),
    totp: flag('Has a second factor.'),
    created: time('When the user was made.'),
    lastLogin: time('When the user last logged in.').optional(),
  })
  .meta({ id: 'User', description: 'Somebody who can log in.' })
export type User = z.infer<typeof User>

/** Log-in names: letters of any script, digits and `. _ - @ +`, no space. */
export const UserName: z.ZodString = z
  .string()
  .max(100)
  .regex(/^[\p{L}\p{N}][\p{L}\p{N}._@+-]*$/u, { error: 'A log-in name has letters, digits and . _ - @ + only.' })
  .meta({ description: 'Log-in name.' })

/** A password as it is sent. What is too weak is refused with the reason by the server. */
export const Password: z.ZodString = z
  .string()
  .min(1)
  .max(1024)
  .meta({ description: 'A password.', format: 'password', writeOnly: true })
