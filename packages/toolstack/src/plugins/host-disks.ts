import { GiB, KiB } from '@nixen/core'
import type { Call } from '../dispatch/call.ts'
import type { Ref } from '../generated/rows.ts'
import type { Plugin } from './plugin.ts'

/** What a block device is in the answer of `lsblk.py`; all values are text. */
interface BlockDevice {
  readonly name: string
  readonly kname: string
  readonly pkname: string
  readonly mountpoint: string
  readonly ro: string
  readonly type: string
  readonly size: string
  readonly children?: readonly BlockDevice[]
}

/** The two disks of a host, of which a mirror is made. */
const disks = ['sda', 'sdb'] as const
const diskSize = 480 * GiB
/** As the installer cuts a disk: mount point, and size; the fourth is for the local SR. */
const partitions: readonly (readonly [mountpoint: string, size: number])[] = [
  ['/', 18 * GiB],
  ['', 18 * GiB],
  ['', 440 * GiB - 512 * KiB],
  ['', GiB / 2],
  ['/var/log', 4 * GiB],
  ['[SWAP]', GiB],
]

/** UUID and size of the local SR of a host, if it has one. */
function localSr({ db }: Call, host: Ref<'host'>): { uuid: string; size: number; used: number } | undefined {
  for (const ref of db.get('host', host).PBDs) {
    const sr = db.find('SR', db.get('PBD', ref).SR)
    if (sr && !sr.shared && ['ext', 'lvm'].includes(sr.type)) {
      return { uuid: sr.uuid, size: sr.physical_size, used: sr.physical_utilisation }
    }
  }
  return undefined
}

function blockDevices(call: Call, host: Ref<'host'>): BlockDevice[] {
  const sr = localSr(call, host)
  return disks.map((disk) => device(disk, { type: 'disk', size: diskSize, children: partitionsOf(disk, sr) }))
}

function partitionsOf(disk: string, sr: { uuid: string; size: number } | undefined): BlockDevice[] {
  return partitions.map(([mountpoint, size], i) => {
    const name = `${disk}${i + 1}`
    const mapped = i === 2 && disk === 'sda' && sr ? { children: [mappedSr(sr, name)] } : {}
    return device(name, { type: 'part', size, mountpoint: disk === 'sda' ? mountpoint : '', parent: disk, ...mapped })
  })
}

/** The local SR on its partition. */
function mappedSr({ uuid, size }: { uuid: string; size: number }, parent: string): BlockDevice {
  const escaped = uuid.replaceAll('-', '--')
  const mountpoint = `/run/sr-mount/${uuid}`
  return device(`XSLocalEXT--${escaped}-${escaped}`, { type: 'lvm', size, mountpoint, parent, kernel: 'dm-0' })
}

interface DeviceOptions {
  readonly type: string
  readonly size: number
  readonly mountpoint?: string
  readonly parent?: string
  readonly kernel?: string
  readonly children?: readonly BlockDevice[]
}

function device(
  name: string,
  { type, size, mountpoint = '', parent = '', kernel = name, children }: DeviceOptions,
): BlockDevice {
  const text = { name, kname: kernel, pkname: parent, mountpoint, ro: '0', type, size: String(size) }
  return children ? { ...text, children } : text
}

/** `lsblk.py` of XCP-ng. */
export const lsblk: Plugin = {
  list_block_devices: (call, host) => JSON.stringify({ blockdevices: blockDevices(call, host) }),
}

/** `smartctl.py` of XCP-ng: disks that are well. */
export const smartctl: Plugin = {
  health: () => JSON.stringify(Object.fromEntries(disks.map((disk) => [`/dev/${disk}`, 'PASSED']))),
  information: ({ db, pool }, host) => {
    const { uuid, other_config } = db.get('host', host)
    const upSince = Number.parseFloat(other_config['boot_time'] ?? '0') * 1000
    const hours = 9000 + Math.max(0, Math.floor((pool.clock.now() - upSince) / 3_600_000))
    const entries = disks.map((disk, i) => [
      `/dev/${disk}`,
      {
        device: { name: `/dev/${disk}`, type: 'sat', protocol: 'ATA' },
        model_name: 'SIMULATED SSD 480GB',
        serial_number: `${uuid.slice(0, 8).toUpperCase()}${i}`,
        firmware_version: 'SIM1',
        user_capacity: { bytes: diskSize, blocks: diskSize / 512 },
        rotation_rate: 0,
        smart_status: { passed: true },
        power_on_time: { hours },
        temperature: { current: 31 + i },
      },
    ])
    return JSON.stringify(Object.fromEntries(entries))
  },
}

/** `raid.py` of XCP-ng: the two disks are a mirror. */
export const raid: Plugin = {
  check_raid_pool: ({ db, pool }, host) => {
    const { uuid } = db.get('host', host)
    const blocks = diskSize / KiB
    const size = `${blocks} (${(diskSize / GiB).toFixed(2)} GiB ${(diskSize / 1e9).toFixed(2)} GB)`
    return JSON.stringify({
      raid: {
        Version: '1.0',
        'Creation Time': 'Tue Jan 14 09:12:07 2025',
        'Raid Level': 'raid1',
        'Array Size': size,
        'Used Dev Size': size,
        'Raid Devices': '2',
        'Total Devices': '2',
        Persistence: 'Superblock is persistent',
        'Update Time': new Date(pool.clock.now()).toUTCString(),
        State: 'clean',
        'Active Devices': '2',
        'Working Devices': '2',
        'Failed Devices': '0',
        'Spare Devices': '0',
        Name: 'localhost:127',
        UUID: uuid.replaceAll('-', '').replace(/(.{8})(?!$)/g, '$1:'),
        Events: '44',
      },
      volumes: disks.map((disk, i) => [String(i), '8', String(16 * i), String(i), 'active sync', `/dev/${disk}`]),
    })
  },
}

/** `lvm.py` of XCP-ng, as far as it only looks. */
export const lvm: Plugin = {
  list_physical_volumes: (call, host) => {
    const sr = localSr(call, host)
    if (!sr) return '{}'
    const volume = { vg_name: group(sr.uuid), format: 'lvm2', attributes: 'a--', capacity: sr.size, free: 0 }
    return JSON.stringify({ '/dev/sda3': volume })
  },
  list_volume_groups: (call, host, { vg_name }) => {
    const sr = localSr(call, host)
    if (!sr || (vg_name !== undefined && vg_name !== group(sr.uuid))) return '{}'
    const volumes = { attributes: 'wz--n-', capacity: sr.size, free: 0, pv_count: 1, lv_count: 1, sn_count: 0 }
    return JSON.stringify({ [group(sr.uuid)]: volumes })
  },
  list_logical_volumes: (call, host, { vg_name }) => {
    const sr = localSr(call, host)
    if (!sr || (vg_name !== undefined && vg_name !== group(sr.uuid))) return '{}'
    const volume = { vg_name: group(sr.uuid), attributes: '-wi-ao----', capacity: sr.size, pool: '' }
    return JSON.stringify({ [sr.uuid]: volume })
  },
}

const group = (uuid: string): string => `XSLocalEXT-${uuid}`
