import type { Nic, Snapshot, Template, Vm, VmDrive } from '@nixen/api'
import type { Model } from '../model/model.ts'
import type { DomainRow, SnapshotRow } from '../model/rows.ts'

/** A running domain has what its XML says; one that is off, what it will start with. */
const live: ReadonlySet<Vm['power']> = new Set(['running', 'paused'])

/** The VM or template that a domain is, its snapshots and NICs. */
export function buildDomain(model: Model, uuid: string, row: DomainRow): (Vm | Template | Snapshot | Nic)[] {
  if (row.metadata.isTemplate) return [buildTemplate(model, uuid, row)]
  return [
    buildVm(model, uuid, row),
    ...row.snapshots.map((snapshot) => buildSnapshot(model, { uuid, row, snapshot })),
    ...row.spec.nics.map((_, index) => buildNic(model, { uuid, row, index })),
  ]
}

/** Names a NIC of a domain for ever: by its MAC address, which libvirt always gives it. */
export const nicKey = (uuid: string, { mac }: { readonly mac: string | undefined }, index: number): string =>
  `${uuid}.${mac?.replaceAll(':', '') ?? String(index)}`
export const snapshotKey = (uuid: string, name: string): string => `${uuid}.${name}`

function buildVm(model: Model, uuid: string, row: DomainRow): Vm {
  const { spec, metadata, snapshots, guest, power } = row
  const isLive = live.has(power)
  const own = spec.disks.filter(({ device }) => device === 'disk' || device === 'lun')
  const volumes = own.map((disk) => model.volumeOf(disk))
  const vm: Vm = {
    id: model.id('vm', uuid),
    connection: model.connection,
    pool: model.id('pool', model.host?.key ?? ''),
    name: row.dom.name,
    tags: [...metadata.tags],
    power,
    vcpus: spec.vcpus,
    vcpusMax: spec.vcpusMax,
    memory: spec.memory,
    memoryMin: Math.min(spec.memory, spec.memoryMax),
    memoryMax: spec.memoryMax,
    ips: isLive ? addressesOf(row) : [],
    drives: spec.disks.map((disk, position) => buildDrive(model, { disk, position, row })),
    diskSize: sum(volumes.map((volume) => volume?.capacity ?? 0)),
    diskUsed: sum(volumes.map((volume) => volume?.allocation ?? 0)),
    nics: spec.nics.map((nic, index) => model.id('nic', nicKey(uuid, nic, index))),
    snapshots: snapshots.length,
    tpm: spec.hasTpm,
    autoStart: row.autoStart,
    virtualization: virtualizationOf(row),
  }
  if (isLive && model.host) vm.host = model.id('host', model.host.key)
  if (spec.description !== '') vm.description = spec.description
  if (spec.firmware) {
    vm.firmware = spec.firmware
    vm.secureBoot = spec.secureBoot
  }
  if (guest?.os) vm.os = guest.os
  if (guest?.hostname !== undefined) vm.hostname = guest.hostname
  // Guests of QEMU need no drivers of ours for suspending and plugging; those of virtio are in their kernels.
  vm.agent = { running: isLive && spec.agent === 'connected', drivers: true }
  const last = Math.max(0, ...snapshots.map(({ created }) => created))
  if (last > 0) vm.lastSnapshot = last
  if (metadata.created !== undefined) vm.created = metadata.created
  if (metadata.notes !== undefined) vm.notes = metadata.notes
  if (Object.keys(metadata.fields).length > 0) vm.fields = { ...metadata.fields }
  if (Object.keys(metadata.blocked).length > 0) vm.blocked = { ...metadata.blocked }
  if (spec.hostDevices > 0) vm.immobile = 'It uses a device of its host itself.'
  return vm
}

function virtualizationOf({ spec }: DomainRow): NonNullable<Vm['virtualization']> {
  if (spec.type === 'kvm') return 'kvm'
  if (spec.type === 'xen') return spec.osType === 'hvm' ? 'hvm' : spec.osType === 'xenpvh' ? 'pvh' : 'pv'
  return 'emulated'
}

function buildDrive(
  model: Model,
  { disk, position, row }: { disk: DomainRow['spec']['disks'][number]; position: number; row: DomainRow },
): VmDrive {
  const volume = model.volumeOf(disk)
  const kind = disk.device === 'cdrom' ? 'cd' : disk.device === 'floppy' ? 'floppy' : 'disk'
  const drive: VmDrive = {
    key: disk.target,
    kind,
    device: disk.target,
    position,
    boot: disk.bootOrder !== undefined || (row.spec.bootDevices.includes('hd') && kind === 'disk' && position === 0),
    attached: live.has(row.power),
  }
  if (volume) drive.disk = model.id('disk', volume.vol.key)
  if (disk.isReadOnly || kind === 'cd') drive.readOnly = true
  return drive
}

function addressesOf({ guest }: DomainRow): string[] {
  const all = [...(guest?.addresses.values() ?? [])].flat()
  return [...all.filter((one) => !one.includes(':')), ...all.filter((one) => one.includes(':'))]
}

function buildTemplate(model: Model, uuid: string, row: DomainRow): Template {
  const { spec, metadata } = row
  const volumes = spec.disks.flatMap((disk) => (disk.device === 'disk' ? (model.volumeOf(disk) ?? []) : []))
  const template: Template = {
    id: model.id('template', uuid),
    connection: model.connection,
    pool: model.id('pool', model.host?.key ?? ''),
    name: row.dom.name,
    tags: [...metadata.tags],
    default: false,
    vcpus: spec.vcpus,
    memory: spec.memory,
    disks: volumes.map(({ vol }) => model.id('disk', vol.key)),
    diskSize: sum(volumes.map(({ capacity }) => capacity)),
  }
  if (spec.description !== '') template.description = spec.description
  if (spec.firmware) template.firmware = spec.firmware
  if (metadata.created !== undefined) template.created = metadata.created
  return template
}

function buildSnapshot(
  model: Model,
  { uuid, row, snapshot }: { uuid: string; row: DomainRow; snapshot: SnapshotRow },
): Snapshot {
  const built: Snapshot = {
    id: model.id('snapshot', snapshotKey(uuid, snapshot.name)),
    connection: model.connection,
    pool: model.id('pool', model.host?.key ?? ''),
    vm: model.id('vm', uuid),
    name: snapshot.name,
    tags: [],
    created: snapshot.created,
    memory: snapshot.hasMemory,
    disks: [],
  }
  if (snapshot.description !== '') built.description = snapshot.description
  if (snapshot.isCurrent) built.current = true
  const { parent } = snapshot
  if (parent !== undefined && row.snapshots.some(({ name }) => name === parent)) {
    built.parent = model.id('snapshot', snapshotKey(uuid, parent))
  }
  return built
}

function buildNic(model: Model, { uuid, row, index }: { uuid: string; row: DomainRow; index: number }): Nic {
  // The caller counts the NICs that are there.
  const nic = row.spec.nics[index] as DomainRow['spec']['nics'][number]
  const network = nic.type === 'network' && nic.source !== undefined ? model.networkByName(nic.source) : undefined
  const built: Nic = {
    id: model.id('nic', nicKey(uuid, nic, index)),
    connection: model.connection,
    pool: model.id('pool', model.host?.key ?? ''),
    vm: model.id('vm', uuid),
    name: nic.target ?? `nic${index}`,
    kind: 'virtual',
    position: index,
    attached: live.has(row.power) && nic.isLinkUp,
    ips: live.has(row.power) ? [...(row.guest?.addresses.get(nic.mac ?? '') ?? [])] : [],
  }
  if (network) built.network = model.id('network', network.uuid)
  if (nic.mac !== undefined) built.mac = nic.mac
  if (nic.mtu !== undefined) built.mtu = nic.mtu
  if (nic.vlan !== undefined) built.vlan = nic.vlan
  if (nic.model !== undefined) built.model = nic.model
  return built
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
