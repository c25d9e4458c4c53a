import type { Records } from '@nixen/xapi'
import { busy, isMachine, sum, unique, withoutAbsent, yes, type Fields, type Text } from './fields.ts'
import type { PoolRecords } from './records.ts'

/** `VM`: a VM, a template or a snapshot; nothing for a control domain. */
export function vmTruth(db: PoolRecords, ref: string, record: Records['VM']): Fields | undefined {
  if (record.is_control_domain) return undefined
  if (record.is_a_snapshot) return snapshotTruth(db, ref, record)
  return record.is_a_template ? templateTruth(db, record) : machineTruth(db, ref, record)
}

function machineTruth(db: PoolRecords, ref: string, record: Records['VM']): Fields {
  const live = record.power_state === 'Running' || record.power_state === 'Paused'
  const metrics = db.get('VM_metrics', record.metrics)
  const guest = db.get('VM_guest_metrics', record.guest_metrics)
  const disks = disksOf(db, record)
  const snapshots = [...db.tables.VM.values()].filter((vm) => vm.is_a_snapshot && vm.snapshot_of === ref)
  const addresses =
    live && guest
      ? unique(
          Object.keys(guest.networks)
            .sort()
            .map((key) => guest.networks[key] ?? ''),
        )
      : []
  return {
    ...db.common('vm', record),
    power: ['Running', 'Paused', 'Suspended', 'Halted'].includes(record.power_state)
      ? record.power_state.toLowerCase()
      : 'unknown',
    host: db.idOf('host', 'host', record.resident_on),
    homeHost: db.idOf('host', 'host', record.affinity),
    vcpus: (live && metrics?.VCPUs_number) || record.VCPUs_at_startup,
    vcpusMax: record.VCPUs_max,
    memory: (live && (metrics?.memory_actual || record.memory_target)) || record.memory_dynamic_max,
    memoryMin: record.memory_dynamic_min,
    memoryMax: record.memory_dynamic_max,
    os: guest && osOf(guest.os_version),
    agent: guest && agentOf(guest, live),
    hostname: guest?.netbios_name?.['host_name'],
    ips: [...addresses.filter((ip) => !ip.includes(':')), ...addresses.filter((ip) => ip.includes(':'))],
    drives: drivesOf(db, record),
    diskSize: sum(disks.map((disk) => disk.virtual_size)),
    diskUsed: sum(disks.map((disk) => disk.physical_utilisation)),
    nics: record.VIFs.map((vif) => db.get('VIF', vif))
      .filter((vif) => vif !== undefined)
      .sort((a, b) => Number(a.device) - Number(b.device))
      .map((vif) => db.id('nic', vif)),
    snapshots: snapshots.length,
    lastSnapshot: Math.max(0, ...snapshots.map((snapshot) => snapshot.snapshot_time)) || undefined,
    firmware: record.HVM_boot_policy === '' ? undefined : (record.HVM_boot_params['firmware'] ?? 'bios'),
    secureBoot: yes(record.platform['secureboot']),
    tpm: record.VTPMs.length > 0,
    virtualization: live && metrics?.hvm ? 'hvm' : record.domain_type,
    autoStart: record.other_config['auto_poweron'] === 'true',
    ha: record.ha_restart_priority || 'off',
    started: (live && metrics?.start_time) || undefined,
    created: metrics?.install_time || undefined,
    busy: busy(record.current_operations),
    blocked: blocked(record.blocked_operations),
    notes: record.other_config['nixen:notes'] || undefined,
    fields: customFields(record.other_config),
  }
}

function templateTruth(db: PoolRecords, record: Records['VM']): Fields {
  const disks = disksOf(db, record)
  return {
    ...db.common('template', record),
    default: record.is_default_template,
    vcpus: record.VCPUs_at_startup,
    memory: record.memory_dynamic_max,
    firmware: record.HVM_boot_policy === '' ? undefined : (record.HVM_boot_params['firmware'] ?? 'bios'),
    os: record.reference_label || undefined,
    disks: disks.map((disk) => db.id('disk', disk)),
    diskSize: sum(disks.map((disk) => disk.virtual_size)),
    created: db.get('VM_metrics', record.metrics)?.install_time || undefined,
  }
}

function snapshotTruth(db: PoolRecords, ref: string, record: Records['VM']): Fields {
  const disks = disksOf(db, record)
  const origin = db.get('VM', record.snapshot_of)
  // What was made a template since is no VM any more.
  const source = origin && isMachine(origin) ? origin : undefined
  const parent = db.get('VM', record.parent)
  return {
    ...db.common('snapshot', record),
    vm: source && db.id('vm', source),
    created: record.snapshot_time,
    memory: record.power_state === 'Suspended',
    parent: parent?.is_a_snapshot ? db.id('snapshot', parent) : undefined,
    current: source?.parent === ref ? true : undefined,
    disks: disks.map((disk) => db.id('disk', disk)),
    used: sum(disks.map((disk) => disk.physical_utilisation)),
    busy: busy(record.current_operations),
  }
}

function vbdsOf(db: PoolRecords, vm: Records['VM']): Records['VBD'][] {
  return vm.VBDs.map((ref) => db.get('VBD', ref))
    .filter((vbd) => vbd !== undefined)
    .sort((a, b) => Number(a.userdevice) - Number(b.userdevice))
}

function drivesOf(db: PoolRecords, vm: Records['VM']): Fields[] {
  return vbdsOf(db, vm).map((vbd) =>
    withoutAbsent({
      key: vbd.uuid,
      disk: !vbd.empty && db.get('VDI', vbd.VDI)?.managed ? db.idOf('disk', 'VDI', vbd.VDI) : undefined,
      kind: vbd.type.toLowerCase(),
      device: vbd.device || undefined,
      position: Number(vbd.userdevice),
      boot: vbd.bootable,
      readOnly: vbd.mode === 'RO' || undefined,
      attached: vbd.currently_attached,
    }),
  )
}

function disksOf(db: PoolRecords, vm: Records['VM']): Records['VDI'][] {
  const disks = vbdsOf(db, vm).filter((vbd) => vbd.type === 'Disk' && !vbd.empty)
  return disks
    .map((vbd) => db.get('VDI', vbd.VDI))
    .filter((vdi) => vdi !== undefined)
    .filter((vdi) => vdi.managed)
}

function customFields(config: Text): Text | undefined {
  const found = Object.entries(config).flatMap(([key, value]) => {
    const name = /^XenCenter\.CustomFields\.(.*)$/s.exec(key)?.[1]
    return name === undefined ? [] : [[name, value] as const]
  })
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

function blocked(operations: Text): Text | undefined {
  const renamed = Object.entries(operations).map(([name, reason]) => [name === 'destroy' ? 'delete' : name, reason])
  return renamed.length > 0 ? (Object.fromEntries(renamed) as Text) : undefined
}

function osOf({ name: text, uname, major, minor }: Text): Fields | undefined {
  const name = text?.replace(/\|.*/, '')
  if (!name) return undefined
  return withoutAbsent({
    name,
    family: /windows/i.test(name) ? 'windows' : 'linux',
    version: [major, minor].filter(Boolean).join('.') || undefined,
    kernel: uname || undefined,
  })
}

function agentOf(guest: Records['VM_guest_metrics'], live: boolean): Fields {
  const { major, minor, micro, build } = guest.PV_drivers_version
  return {
    running: guest.live && live,
    drivers: true,
    version: `${major}.${minor}.${micro}-${build}`,
    ...(guest.PV_drivers_up_to_date ? {} : { outdated: true }),
  }
}
