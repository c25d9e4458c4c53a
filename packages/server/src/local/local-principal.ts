import { builtinRoles, compileAccess, type QueryContext, type UserId } from '@nixen/api'
import { adminRole } from '../auth/people.ts'
import type { Principal } from '../auth/principal.ts'

/** Id of the machine's administrator: the ids of users are random and longer. */
export const localUser: UserId = 'local' as UserId

/** Who comes in by the local door. May do everything, and has no account: no password, no tokens, no saved queries. */
export function localPrincipal(context: () => QueryContext): Principal {
  const grants = builtinRoles.find(({ id }) => id === adminRole)?.grants ?? []
  return {
    user: {
      id: localUser,
      name: 'local',
      fullName: 'Administrator of this machine',
      source: 'local',
      disabled: false,
      roles: [adminRole],
      groups: [],
      totp: false,
      created: 0,
    },
    grants,
    access: compileAccess(grants, context),
    via: { kind: 'local' },
    expires: undefined,
  }
}
