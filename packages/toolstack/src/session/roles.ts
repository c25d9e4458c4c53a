import { XapiError } from '@nixen/xapi'
import type { MessageModel, Model } from '../model/model.ts'

/** What a session may do. `root` is the local superuser. */
export type Role = 'root' | 'pool-admin' | 'pool-operator' | 'vm-power-admin' | 'vm-admin' | 'vm-operator' | 'read-only'

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
