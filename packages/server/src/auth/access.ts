import { createHash } from 'node:crypto'
import {
  authErrors,
  compileAccess,
  intersect,
  type Access,
  type Grant,
  type Permission,
  type QueryContext,
} from '@nixen/api'

/** What somebody may do, with a name that is the same for the same grants: views of the inventory are shared by it. */
export interface KeyedAccess extends Access {
  readonly key: string
}

/** Compiles grants. */
export function keyedAccess(grants: readonly Grant[], context: () => QueryContext): KeyedAccess {
  const access = compileAccess(grants, context)
  return { key: keyOf(JSON.stringify(grants)), reach: (permission) => access.reach(permission) }
}

/** What both allow: a user's grants and those of the token in use. */
export function bothAccess(user: KeyedAccess, token: KeyedAccess): KeyedAccess {
  const both = intersect(user, token)
  return { key: keyOf(`${user.key} ${token.key}`), reach: (permission) => both.reach(permission) }
}

/** Throws `auth.forbidden` unless the permission reaches something, or `object` where one is given. */
export function demandPermission(access: Access, permission: Permission, object?: { readonly id: string }): void {
  const reach = access.reach(permission)
  if (reach === 'all' || (typeof reach === 'function' && (!object || reach(object)))) return
  throw authErrors.forbidden({ permission, ...(object ? { id: object.id } : {}) })
}

function keyOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16)
}
