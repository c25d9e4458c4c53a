import { z } from 'zod'
import { GroupId, RoleId, UserId } from '../ids/own-id.ts'
import { text, word } from '../schema/fields.ts'

/** Users who have the same roles. */
export const Group = z
  .strictObject({
    id: GroupId,
    name: text('Name.'),
    description: text('What it is for.').optional(),
    source: word(['local', 'ldap', 'oidc', 'saml'], 'Who says who is in it.'),
    members: z.array(UserId).meta({ description: 'Users in it.' }),
    roles: z.array(RoleId).meta({ description: 'Roles given to all of them.' }),
  })
  .meta({ id: 'Group', description: 'Users who have the same roles.' })
export type Group = z.infer<typeof Group>
