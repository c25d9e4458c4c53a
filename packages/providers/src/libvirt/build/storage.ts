import type { Disk, Storage } from '@nixen/api'
import type { Model } from '../model/model.ts'
import type { PoolRow, VolumeRow } from '../model/rows.ts'

/** Types of pools that several hosts may reach. */
const shared: ReadonlySet<string> = new Set([
  'netfs',
  'iscsi',
  'iscsi-direct',
  'rbd',
  'gluster',
  'sheepdog',
  'vstorage',
])
/** Volume formats that are installation media, not disks. */
const imageName = /\.(iso|img\.iso)$/i

export function buildStorage(model: Model, uuid: string, row: PoolRow): Storage {
  const volumes = [...model.volumes.values()].filter(({ pool }) => pool === uuid)
  const storage: Storage = {
    id: model.id('storage', uuid),
    connection: model.connection,
    pool: model.id('pool', model.host?.key ?? ''),
    name: row.pool.name,
    tags: [],
    kind: row.type,
    content: 'mixed',
    state: row.isActive ? 'ok' : 'detached',
    shared: shared.has(row.type),
    hosts: row.isActive ? [model.id('host', model.host?.key ?? '')] : [],
    allocated: volumes.reduce((total, { capacity }) => total + capacity, 0),
    disks: volumes.length,
    default: isDefault(model, uuid),
    changeTracking: ['dir', 'fs', 'netfs'].includes(row.type),
  }
  if (row.isActive && row.capacity !== undefined) storage.size = row.capacity
  if (row.isActive && row.allocation !== undefined) storage.used = row.allocation
  return storage
}

/** libvirt's own tools make disks in the pool `default`; where there is none, the first that is active. */
function isDefault(model: Model, uuid: string): boolean {
  return defaultPool(model) === uuid
}

/** Uuid of the pool where new disks go. */
export function defaultPool(model: Model): string | undefined {
  const active = [...model.pools].filter(([, { isActive }]) => isActive)
  const [first] = active.toSorted(([, a], [, b]) => (a.pool.name < b.pool.name ? -1 : 1))
  return (active.find(([, { pool }]) => pool.name === 'default') ?? first)?.[0]
}

export function buildDisk(model: Model, row: VolumeRow): Disk {
  const users = [...(model.users.get(row.path) ?? [])].flatMap((uuid) => {
    const domain = model.domains.get(uuid)
    return domain && !domain.metadata.isTemplate ? [{ uuid, domain }] : []
  })
  const disk: Disk = {
    id: model.id('disk', row.vol.key),
    connection: model.connection,
    pool: model.id('pool', model.host?.key ?? ''),
    storage: model.id('storage', row.pool),
    name: row.vol.name,
    tags: [],
    kind: imageName.test(row.vol.name) || row.format === 'iso' ? 'image' : 'disk',
    size: row.capacity,
    vms: users.map(({ uuid }) => model.id('vm', uuid)).toSorted(),
    attached: users.some(({ domain }) => domain.power === 'running' || domain.power === 'paused'),
    snapshots: 0,
    changeTracking: row.format === 'qcow2',
  }
  if (row.allocation !== undefined) disk.used = row.allocation
  if (row.format !== undefined) disk.format = row.format
  return disk
}
