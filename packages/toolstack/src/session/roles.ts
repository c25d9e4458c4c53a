import { XapiError } from '@nixen/xapi'
import type { MessageModel, Model } from '../model/model.ts'

const subjectRoles = ['pool-admin', 'pool-operator', 'vm-power-admin', 'vm-admin', 'vm-operator', 'read-only'] as const

/** What a subject may do in the pool. */
export type SubjectRole = (typeof subjectRoles)[number]

/** What a session may do. `root` is the local superuser. */
export type Role = 'root' | SubjectRole

/** Whether a text is the name of a role. */
export function isSubjectRole(name: string): name is SubjectRole {
  return subjectRoles.some((role) => role === name)
}

/** The role that includes all the others. */
export function strongest(model: Model, roles: readonly SubjectRole[]): SubjectRole | undefined {
  return roles.toSorted((a, b) => (roleAllows(model, a, b) ? -1 : 1))[0]
}

/** Whether `role` is at least as privileged as `minRole` of the data model. */
export function roleAllows(model: Model, role: Role, minRole: string): boolean {
  if (role === 'root') return true
  if (minRole === 'local-root-only') return false
  // Roles are listed most privileged first; `client-cert` is outside that order.
  const order = model.roles.filter((entry) => !entry.internal).map((entry) => entry.name)
  return order.indexOf(role) <= order.indexOf(minRole)
}

/** Throws `RBAC_PERMISSION_DENIED` unless the role may send the message. `params` decide where single map keys have a role of their own. */
export function checkRole(model: Model, role: Role, message: MessageModel, params: readonly unknown[]): void {
  if (role === 'root') return
  const key = message.mapKeyRoles.size > 0 && typeof params[1] === 'string' ? params[1] : undefined
  const keyRule = key === undefined ? undefined : keyRuleOf(message, key)
  if (roleAllows(model, role, keyRule?.role ?? message.minRole)) return
  const permission = message.wireName.toLowerCase() + (keyRule ? `/key:${keyRule.pattern}` : '')
  throw new XapiError('RBAC_PERMISSION_DENIED', [permission, 'No permission in user session'])
}

function keyRuleOf(message: MessageModel, key: string): { pattern: string; role: string } | undefined {
  for (const [pattern, role] of message.mapKeyRoles) {
    const matches = pattern.endsWith('*') ? key.startsWith(pattern.slice(0, -1)) : key === pattern
    if (matches) return { pattern, role }
  }
  return undefined
}

const permissions = new WeakMap<Model, Map<string, readonly string[]>>()

/** All that a role allows, by the names that `RBAC_PERMISSION_DENIED` has: `vm.start`, `pool.add_to_other_config/key:folder`, `http/put_import`. */
export function permissionsOf(model: Model, role: Role): readonly string[] {
  const known = permissions.get(model) ?? new Map<string, readonly string[]>()
  permissions.set(model, known)
  const found =
    known.get(role) ??
    [...permissionRoles(model)].flatMap(([name, least]) => (roleAllows(model, role, least) ? [name] : []))
  known.set(role, found)
  return found
}

/** The least privileged role that has a permission. */
export function leastRole(model: Model, permission: string): string | undefined {
  return permissionRoles(model).get(permission)
}

function permissionRoles(model: Model): Map<string, string> {
  const least = new Map<string, string>()
  for (const message of new Set(model.messages.values())) {
    if (!message.session || message.removed) continue
    const name = message.wireName.toLowerCase()
    least.set(name, message.minRole)
    for (const [pattern, role] of message.mapKeyRoles) least.set(`${name}/key:${pattern}`, role)
  }
  for (const { name, minRole, rbacChecked } of model.httpActions) if (rbacChecked) least.set(`http/${name}`, minRole)
  least.set('task.destroy/any', 'pool-operator').set('task.cancel/any', 'pool-operator')
  return least
}
