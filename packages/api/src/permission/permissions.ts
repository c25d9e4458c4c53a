/** What can be done with each type of object. A permission is `type:action`. */
export const actionsOf = {
  connection: ['read', 'add', 'update', 'remove', 'test'],
  pool: ['read', 'update', 'manage'],
  host: ['read', 'update', 'power', 'maintain', 'console'],
  vm: [
    'read',
    'create',
    'update',
    'delete',
    'start',
    'shutdown',
    'reboot',
    'pause',
    'suspend',
    'console',
    'media',
    'snapshot',
    'revert',
    'clone',
    'export',
    'import',
    'migrate',
    'configure',
  ],
  template: ['read', 'create', 'update', 'delete'],
  snapshot: ['read', 'update', 'delete', 'export'],
  storage: ['read', 'create', 'update', 'delete', 'scan', 'maintain'],
  disk: ['read', 'create', 'update', 'delete', 'attach', 'resize', 'migrate', 'import', 'export'],
  network: ['read', 'create', 'update', 'delete'],
  nic: ['read', 'create', 'update', 'delete', 'attach'],
  task: ['read', 'cancel'],
  alarm: ['read', 'dismiss'],
  alert: ['read', 'create', 'update', 'delete', 'silence'],
  channel: ['read', 'create', 'update', 'delete', 'test'],
  repository: ['read', 'create', 'update', 'delete', 'maintain'],
  job: ['read', 'create', 'update', 'delete', 'run'],
  point: ['read', 'restore', 'forget'],
  user: ['read', 'create', 'update', 'delete'],
  group: ['read', 'create', 'update', 'delete'],
  role: ['read', 'create', 'update', 'delete'],
  token: ['read', 'revoke'],
  audit: ['read'],
  settings: ['read', 'update'],
} as const satisfies Readonly<Record<string, readonly string[]>>

/** What permissions are about. */
export type PermissionType = keyof typeof actionsOf
/** `vm:read`, `user:create`, … */
export type Permission = { [T in PermissionType]: `${T}:${(typeof actionsOf)[T][number]}` }[PermissionType]

/** All permissions. */
export const permissions: ReadonlySet<string> = new Set(
  Object.entries(actionsOf).flatMap(([type, actions]) => actions.map((action) => `${type}:${action}`)),
)
