import type { Records, Ref } from '@nixen/xapi'
import { busy, isMachine, unique, type Fields } from './fields.ts'
import type { PoolRecords } from './records.ts'

/** `VDI`; nothing for what the storage keeps for itself. */
export function diskTruth(db: PoolRecords, ref: string, record: Records['VDI']): Fields | undefined {
  const storage = db.get('SR', record.SR)
  if (!record.managed || !storage) return undefined
  const vbds = record.VBDs.map((key) => db.get('VBD', key)).filter((vbd) => vbd !== undefined && !vbd.empty)
  const vms = vbds.map((vbd) => db.get('VM', vbd?.VM ?? null))
  const owners = vbds.filter((vbd) => vbd?.type === 'Disk').map((vbd) => db.get('VM', vbd?.VM ?? null))
  const snapshots = owners.filter((vm) => vm !== undefined).filter((vm) => vm.is_a_snapshot)
  const image = storage.content_type === 'iso' ? 'image' : 'disk'
  const own = ['system', 'user', 'ephemeral'].includes(record.type)
  return {
    ...db.common('disk', record),
    storage: db.id('storage', storage),
    kind: own ? image : record.type === 'suspend' ? 'suspend' : 'system',
    size: record.virtual_size,
    used: record.physical_utilisation,
    format: record.sm_config['image-format'] || record.sm_config['vdi_type'],
    vms: unique(
      vms.filter((vm) => vm !== undefined && isMachine(vm)).map((vm) => `vm.${db.connection}.${vm?.uuid}`),
    ).sort(),
    attached: vbds.some((vbd) => vbd?.currently_attached),
    snapshotOf: record.is_a_snapshot ? db.idOf('disk', 'VDI', record.snapshot_of) : undefined,
    snapshot: snapshots.map((vm) => db.id('snapshot', vm)).sort()[0],
    snapshots: [...db.tables.VDI.values()].filter((vdi) => vdi.is_a_snapshot && vdi.managed && vdi.snapshot_of === ref)
      .length,
    readOnly: record.read_only || undefined,
    shareable: record.sharable || undefined,
    changeTracking: record.cbt_enabled || undefined,
    missing: record.missing || undefined,
    created: record.is_a_snapshot ? record.snapshot_time : undefined,
    busy: busy(record.current_operations),
  }
}

/** `SR`, with the hosts that it is attached to. */
export function storageTruth(db: PoolRecords, ref: string, record: Records['SR']): Fields {
  const pbds = record.PBDs.map((key) => db.get('PBD', key)).filter((pbd) => pbd !== undefined)
  const attached = new Set(pbds.filter((pbd) => pbd.currently_attached).map((pbd) => pbd.host))
  const wanted = record.shared ? [...db.tables.host.keys()] : pbds.map((pbd) => pbd.host as string)
  const missing = wanted.filter((host) => !attached.has(host as Ref<'host'>))
  const ids = (hosts: Iterable<string>) => [...hosts].map((host) => db.idOf('host', 'host', host) ?? '').sort()
  const driver = [...db.tables.SM.values()].find((sm) => sm.type === record.type)
  return {
    ...db.common('storage', record),
    kind: record.type,
    content: record.content_type === 'iso' ? 'images' : record.type === 'udev' ? 'other' : 'disks',
    state: attached.size === 0 ? 'detached' : missing.length > 0 ? 'degraded' : 'ok',
    shared: record.shared,
    hosts: ids(attached),
    missing: missing.length > 0 ? ids(missing) : undefined,
    size: Number(record.physical_size),
    used: Number(record.physical_utilisation),
    allocated: Number(record.virtual_allocation),
    disks: record.VDIs.filter((vdi) => db.get('VDI', vdi)?.managed).length,
    default: db.pool.default_SR === ref,
    maintenance: 'nixen:maintenance' in record.other_config || undefined,
    thin: { ext: true, nfs: true, lvm: false }[record.type],
    changeTracking: driver && 'VDI_CONFIG_CBT' in driver.features,
  }
}
