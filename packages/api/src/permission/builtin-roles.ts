import type { RoleId } from '../ids/own-id.ts'
import type { Role } from '../role/role.ts'

const look = [
  'connection:read',
  'pool:read',
  'host:read',
  'vm:read',
  'template:read',
  'snapshot:read',
  'storage:read',
  'disk:read',
  'network:read',
  'nic:read',
  'task:read',
  'alarm:read',
  'alert:read',
  'repository:read',
  'job:read',
  'point:read',
]

// A literal in the form of an id.
const id = (text: string): RoleId => text as RoleId

/** The roles that come with Nixen; `scope` is all. To give less, make a role with their grants and a scope. */
export const builtinRoles: readonly Role[] = [
  {
    id: id('read-only'),
    name: 'Read only',
    description: 'Sees the inventory, tasks, alarms, jobs and restore points. Changes nothing.',
    builtin: true,
    grants: [{ actions: look }],
  },
  {
    id: id('operator'),
    name: 'Operator',
    description:
      'Keeps VMs running: power, console, media, snapshots, migration, host maintenance. Creates and deletes nothing else.',
    builtin: true,
    grants: [
      {
        actions: [
          ...look,
          'vm:start',
          'vm:shutdown',
          'vm:reboot',
          'vm:pause',
          'vm:suspend',
          'vm:console',
          'vm:media',
          'vm:snapshot',
          'vm:migrate',
          'host:maintain',
          'storage:scan',
          'task:cancel',
          'alarm:dismiss',
          'alert:silence',
        ],
      },
    ],
  },
  {
    id: id('backup-operator'),
    name: 'Backup operator',
    description: 'Makes and runs backup jobs, restores, keeps repositories.',
    builtin: true,
    grants: [
      {
        actions: [
          ...look,
          'vm:snapshot',
          'vm:create',
          'job:*',
          'point:*',
          'repository:*',
          'task:cancel',
          'channel:read',
        ],
      },
    ],
  },
  {
    id: id('admin'),
    name: 'Administrator',
    description: 'May do everything.',
    builtin: true,
    grants: [{ actions: ['*'] }],
  },
]
