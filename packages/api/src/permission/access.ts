import { authErrors } from '../errors/auth-errors.ts'
import { compileQuery, type Predicate, type QueryContext } from '../query/compile.ts'
import { queryTable, queryTypes, type QueryType } from '../query/tables.ts'
import { roleErrors } from '../role/errors.ts'
import type { Grant } from '../role/role.ts'
import { closest } from '../text/closest.ts'
import { permissions, type Permission } from './permissions.ts'

/** What grants let somebody do. Made once per session; asked for each request and each object. */
export interface Access {
  /** The same for the same grants, and only for these: views of the inventory are shared by it. */
  readonly key: string
  /** Which objects a permission reaches: `all`, `none`, or those that the test lets through. */
  reach(permission: Permission): 'all' | 'none' | Predicate
}

const types: ReadonlySet<string> = new Set(queryTypes)

/** Whether a pattern (`vm:start`, `vm:*`, `*:read`, `*`) covers a permission. */
export function covers(pattern: string, permission: string): boolean {
  if (pattern === '*' || pattern === permission) return true
  const [type, action] = pattern.split(':')
  const [wantedType, wantedAction] = permission.split(':')
  return action !== undefined && (type === '*' || type === wantedType) && (action === '*' || action === wantedAction)
}

/**
 * Compiles grants. A scope reaches an object when its query finds it; types of objects that lack a field of the query are out of
 * the scope, with or without a "not" before it. Names in scopes are looked up each time, so that a rename counts at once.
 */
export function compileAccess(grants: readonly Grant[], context: () => QueryContext): Access {
  const known = new Map<Permission, 'all' | 'none' | Predicate>()
  return {
    key: JSON.stringify(grants),
    reach(permission) {
      const before = known.get(permission)
      if (before !== undefined) return before
      const reach = together(
        grants.filter(({ actions }) => actions.some((pattern) => covers(pattern, permission))),
        permission,
        context,
      )
      known.set(permission, reach)
      return reach
    },
  }
}

function together(
  grants: readonly Grant[],
  permission: Permission,
  context: () => QueryContext,
): 'all' | 'none' | Predicate {
  if (grants.some(({ scope }) => scope === undefined || scope.trim() === '')) return 'all'
  const type = permission.slice(0, permission.indexOf(':'))
  // Things that are not in the inventory (settings, roles) have no scope: a scoped grant does not reach them.
  if (!isQueryType(type)) return 'none'
  const tests = grants.flatMap(({ scope = '' }) => {
    const first = context()
    const compiled = compileQuery(scope, queryTable(type), { now: first.now, nameOf: (id) => context().nameOf?.(id) })
    return compiled.ok ? [compiled.matches] : []
  })
  if (tests.length === 0) return 'none'
  return (object) => tests.some((matches) => matches(object))
}

/** What both let somebody do: a user and the token that is used. */
export function intersect(one: Access, other: Access): Access {
  return {
    key: JSON.stringify([one.key, other.key]),
    reach(permission) {
      const [a, b] = [one.reach(permission), other.reach(permission)]
      if (a === 'none' || b === 'none') return 'none'
      if (a === 'all') return b
      return b === 'all' ? a : (object) => a(object) && b(object)
    },
  }
}

/** Whether something may be done to `object`, or, without one, to anything at all. Pure. */
export function may(access: Access, permission: Permission, object?: object): boolean {
  const reach = access.reach(permission)
  if (reach === 'all' || reach === 'none') return reach === 'all'
  return object === undefined || reach(object)
}

/** Whether something may be done to every one of `objects`; to none at all only where it may be done to something. Pure. */
export function mayAll(access: Access, permission: Permission, objects: Iterable<object>): boolean {
  const reach = access.reach(permission)
  if (reach === 'all' || reach === 'none') return reach === 'all'
  for (const object of objects) if (!reach(object)) return false
  return true
}

/** Throws `auth.forbidden` unless {@link may}: something, or `object` where one is given. */
export function demandPermission(access: Access, permission: Permission, object?: { readonly id: string }): void {
  if (!may(access, permission, object)) throw authErrors.forbidden({ permission, ...(object ? { id: object.id } : {}) })
}

/** Refuses grants with patterns that match no permission, or scopes that no type of their patterns can have. `role.unknown_action`, `role.bad_scope`. */
export function checkGrants(grants: readonly Grant[]): void {
  for (const { actions, scope } of grants) {
    for (const pattern of actions) {
      if ([...permissions].some((permission) => covers(pattern, permission))) continue
      throw roleErrors.unknown_action({ pattern, suggestion: closest(pattern, permissions) })
    }
    if (scope !== undefined && scope.trim() !== '') checkScope(scope, actions)
  }
}

function checkScope(scope: string, actions: readonly string[]): void {
  const covered = queryTypes.filter((type) =>
    [...permissions].some(
      (permission) => permission.startsWith(`${type}:`) && actions.some((pattern) => covers(pattern, permission)),
    ),
  )
  const results = (covered.length > 0 ? covered : queryTypes).map((type) =>
    compileQuery(scope, queryTable(type), { now: 0 }),
  )
  const [first] = results
  if (!first || results.some(({ ok }) => ok)) return
  if (!first.ok) throw roleErrors.bad_scope({ scope: scope.slice(0, 200), ...first.problem })
}

function isQueryType(type: string): type is QueryType {
  return types.has(type)
}
