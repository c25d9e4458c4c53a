import type { World } from './rig.ts'

interface PageAddress {
  readonly name: string
  readonly path: (world: World) => Promise<string> | string
}

/** Every page of the console and where it is. */
export const everyPage: readonly PageAddress[] = [
  { name: 'overview', path: () => '' },
  { name: 'vms', path: () => 'vms' },
  {
    name: 'vm',
    path: async (world) => `vms/${(await world.client.vm.list({ q: 'power:running', limit: 1 })).items[0]?.id}`,
  },
  {
    name: 'vm-charts',
    path: async (world) => `vms/${(await world.client.vm.list({ q: 'power:running', limit: 1 })).items[0]?.id}/charts`,
  },
  {
    name: 'vm-snapshots',
    path: async (world) => `vms/${(await world.client.vm.list({ limit: 1 })).items[0]?.id}/snapshots`,
  },
  {
    name: 'vm-backups',
    path: async (world) => `vms/${(await world.client.vm.list({ limit: 1 })).items[0]?.id}/backups`,
  },
  {
    name: 'host-charts',
    path: async (world) => `hosts/${(await world.client.host.list({ limit: 1 })).items[0]?.id}/charts`,
  },
  { name: 'vm-new', path: () => 'vms/new' },
  { name: 'vm-import', path: () => 'vms/import' },
  {
    name: 'compare',
    path: async (world) =>
      `vms/compare?ids=${(await world.client.vm.list({ q: 'power:running', limit: 3 })).items.map(({ id }) => id).join(',')}`,
  },
  { name: 'hosts', path: () => 'hosts' },
  { name: 'host', path: async (world) => `hosts/${(await world.client.host.list({ limit: 1 })).items[0]?.id}` },
  { name: 'storages', path: () => 'storages' },
  {
    name: 'storage',
    path: async (world) => `storages/${(await world.client.storage.list({ limit: 1 })).items[0]?.id}`,
  },
  { name: 'pools', path: () => 'pools' },
  { name: 'pool', path: async (world) => `pools/${(await world.client.pool.list({ limit: 1 })).items[0]?.id}` },
  { name: 'disks', path: () => 'disks' },
  { name: 'templates', path: () => 'templates' },
  { name: 'alarms', path: () => 'alarms' },
  { name: 'calendar', path: () => 'calendar' },
  { name: 'networks', path: () => 'networks' },
  {
    name: 'network',
    path: async (world) => `networks/${(await world.client.network.list({ limit: 1 })).items[0]?.id}`,
  },
  { name: 'tasks', path: () => 'tasks' },
  { name: 'jobs', path: () => 'jobs' },
  { name: 'job-new', path: () => 'jobs/new' },
  { name: 'points', path: () => 'points' },
  { name: 'repositories', path: () => 'repositories' },
  { name: 'connections', path: () => 'connections' },
  { name: 'connect', path: () => 'connections/new' },
  { name: 'settings-account', path: () => 'settings/account' },
  { name: 'settings-browser', path: () => 'settings/browser' },
  { name: 'settings-users', path: () => 'settings/users' },
  { name: 'settings-roles', path: () => 'settings/roles' },
  { name: 'settings-notifications', path: () => 'settings/notifications' },
  { name: 'settings-audit', path: () => 'settings/audit' },
  { name: 'settings-server', path: () => 'settings/server' },
  { name: 'settings-about', path: () => 'settings/about' },
  { name: 'not-found', path: () => 'nothing/here' },
]

const main = new Set([
  'overview',
  'vms',
  'vm',
  'vm-new',
  'host',
  'storages',
  'tasks',
  'job-new',
  'connect',
  'settings-account',
])

/** Pages that stand for the others in the short run. */
export const mainPages: readonly PageAddress[] = everyPage.filter(({ name }) => main.has(name))
