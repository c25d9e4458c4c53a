/** What can be done with each type of object. A permission is `type:action`. */
export const actionsOf = {
  connection: ['read', 'add', 'update', 'remove', 'test'],
  pool: ['read'],
  host: ['read'],
  vm: ['read'],
  template: ['read'],
  snapshot: ['read'],
  storage: ['read'],
  disk: ['read'],
  network: ['read'],
  nic: ['read'],
  task: ['read', 'cancel'],
  alarm: ['read', 'dismiss'],
  user: ['read', 'create', 'update', 'delete'],
  group: ['read', 'create', 'update', 'delete'],
  role: ['read', 'create', 'update', 'delete'],
  token: ['read', 'revoke'],
  audit: ['read'],
  settings: ['read', 'update'],
} as const satisfies Readonly<Record<string, readonly string[]>>

/** `vm:read`, `user:create`, … */
export type Permission = {
  [T in keyof typeof actionsOf]: `${T}:${(typeof actionsOf)[T][number]}`
}[keyof typeof actionsOf]

/** All permissions. */
export const permissions: ReadonlySet<string> = new Set(
  Object.entries(actionsOf).flatMap(([type, actions]) => actions.map((action) => `${type}:${action}`)),
)
