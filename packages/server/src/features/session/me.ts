import type { Me } from '@nixen/api'
import type { Principal } from '../../auth/principal.ts'

/** What somebody sees of themselves. */
export function meOf({ user, grants, expires, via }: Principal): Me {
  return {
    user,
    grants: [...grants],
    ...(expires === undefined ? {} : { expires }),
    ...(via.kind === 'session' ? { csrf: via.csrf } : {}),
  }
}
