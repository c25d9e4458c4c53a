import type { Records } from '@nixen/xapi'
import { busy, isMachine, unique, type Fields } from './fields.ts'
import type { PoolRecords } from './records.ts'

/** `network`. */
export function networkTruth(db: PoolRecords, record: Records['network']): Fields {
  const pifs = record.PIFs.map((ref) => db.get('PIF', ref)).filter((pif) => pif !== undefined)
  const tags = new Set(pifs.map((pif) => pif.VLAN))
  const [vlan = -1] = tags
  const nics = record.VIFs.map((ref) => db.get('VM', db.get('VIF', ref)?.VM ?? null))
  return {
    ...db.common('network', record),
    kind: pifs.length > 0 ? 'external' : 'internal',
    bridge: record.bridge || undefined,
    mtu: record.MTU || undefined,
    vlan: tags.size === 1 && vlan >= 0 ? vlan : undefined,
    nics: nics.filter((vm) => vm !== undefined && isMachine(vm)).length,
    default: record.other_config['automatic'] === 'true',
    nbd: record.purpose.length > 0 || undefined,
  }
}

/** `VIF` of a VM; nothing for those of templates and snapshots. */
export function vmNicTruth(db: PoolRecords, record: Records['VIF']): Fields | undefined {
  const vm = db.get('VM', record.VM)
  if (!vm || !isMachine(vm)) return undefined
  const live = vm.power_state === 'Running' || vm.power_state === 'Paused'
  const networks = (live && db.get('VM_guest_metrics', vm.guest_metrics)?.networks) || {}
  const own = Object.keys(networks).filter((key) => key.startsWith(`${record.device}/`))
  const ips = unique(own.sort().map((key) => networks[key] ?? ''))
  return {
    id: db.id('nic', record),
    connection: db.connection,
    pool: db.id('pool', db.pool),
    vm: db.id('vm', vm),
    network: db.idOf('network', 'network', record.network),
    name: `eth${record.device}`,
    kind: 'virtual',
    position: Number(record.device),
    mac: record.MAC.toLowerCase(),
    mtu: record.MTU,
    attached: record.currently_attached,
    ips: [...ips.filter((ip) => !ip.includes(':')), ...ips.filter((ip) => ip.includes(':'))],
    locking: record.locking_mode === 'network_default' ? 'network' : record.locking_mode,
    allowedIps: record.locking_mode === 'locked' ? [...record.ipv4_allowed, ...record.ipv6_allowed] : undefined,
    busy: busy(record.current_operations),
  }
}

/** `PIF`. */
export function hostNicTruth(db: PoolRecords, record: Records['PIF']): Fields {
  const metrics = db.get('PIF_metrics', record.metrics)
  const tagged = record.VLAN >= 0
  return {
    id: db.id('nic', record),
    connection: db.connection,
    pool: db.id('pool', db.pool),
    host: db.idOf('host', 'host', record.host),
    network: db.idOf('network', 'network', record.network),
    name: tagged ? `${record.device}.${record.VLAN}` : record.device,
    kind: tagged ? 'vlan' : record.bond_master_of.length > 0 ? 'bond' : 'physical',
    mac: record.MAC.toLowerCase() || undefined,
    mtu: record.MTU,
    vlan: tagged ? record.VLAN : undefined,
    attached: record.currently_attached,
    carrier: metrics?.carrier,
    speed: metrics && metrics.speed > 0 ? metrics.speed * 1e6 : undefined,
    ips: [record.IP, ...record.IPv6.map((ip) => ip.replace(/\/.*/, ''))].filter((ip) => ip !== ''),
    management: record.management,
  }
}
