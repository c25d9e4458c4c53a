import type { Disk, Snapshot, SnapshotId, Template, Vm, VmDrive, VmId } from '@nixen/api'
import { timeOf } from '../model/fields.ts'
import type { Model } from '../model/model.ts'
import type { VbdRow, VdiRow, VmRow } from '../model/rows.ts'

type Built = Vm | Template | Snapshot
/** What all three have. */
interface Common {
  readonly connection: Vm['connection']
  readonly pool: Vm['pool']
  readonly name: string
  readonly tags: string[]
}

/** The VM, template or snapshot that a record stands for; nothing for a control domain. */
export function buildVm(model: Model, ref: string, row: VmRow): Built | undefined {
  const { pool, connection } = model
  if (!pool) return undefined
  const common = { connection, pool, name: row.name, tags: row.tags }
  switch (row.kind) {
    case 'vm':
      return machine(model, ref, row, common)
    case 'template':
      return template(model, ref, row, common)
    case 'snapshot':
      return snapshot(model, ref, row, common)
    case 'control':
      return undefined
  }
}

function machine(model: Model, ref: string, row: VmRow, common: Common): Vm {
  const metrics = row.metrics ? model.vmMetrics.get(row.metrics) : undefined
  const guest = row.guest ? model.guests.get(row.guest) : undefined
  const live = row.power === 'running' || row.power === 'paused'
  const own = ownDisks(model, ref)
  const snapshots = model.snapshotsOfVm.of(ref)
  const vm: Vm = {
    // A row of this kind has an id of this type.
    id: row.id as VmId,
    ...common,
    power: row.power,
    vcpus: (live && metrics?.vcpus) || row.vcpus,
    vcpusMax: row.vcpusMax,
    memory: (live && (metrics?.memory || row.memoryTarget)) || row.memoryMax,
    memoryMin: row.memoryMin,
    memoryMax: row.memoryMax,
    ips: live && guest ? guest.ips : noText,
    drives: drives(model, ref),
    diskSize: sum(own, ({ size }) => size),
    nics: nicsOf(model, ref),
    snapshots: snapshots.length,
    tpm: row.tpm,
    autoStart: row.autoStart,
    ha: row.ha,
  }
  if (own.every(({ used }) => used !== undefined)) vm.diskUsed = sum(own, ({ used }) => used ?? 0)
  if (row.description !== '') vm.description = row.description
  place(model, row, vm)
  if (guest?.os) vm.os = guest.os
  if (guest) vm.agent = live || !guest.agent ? guest.agent : { ...guest.agent, running: false }
  if (guest?.hostname !== undefined) vm.hostname = guest.hostname
  boot(row, vm)
  times(model, { row, live, snapshots }, vm)
  const virtualization = (live ? metrics?.virtualization : undefined) ?? row.virtualization
  if (virtualization) vm.virtualization = virtualization
  if (row.busy) vm.busy = [...row.busy]
  if (row.blocked) vm.blocked = row.blocked
  if (row.notes !== undefined) vm.notes = row.notes
  if (row.fields) vm.fields = row.fields
  const immobile = row.immobile ?? (live ? metrics?.immobile : undefined)
  if (immobile !== undefined) vm.immobile = immobile
  return vm
}

function place(model: Model, row: VmRow, vm: Vm): void {
  const host = row.host ? model.hosts.get(row.host) : undefined
  if (host) vm.host = host.id
  const home = row.affinity ? model.hosts.get(row.affinity) : undefined
  if (home) vm.homeHost = home.id
}

function boot(row: VmRow, vm: Vm): void {
  if (row.firmware) vm.firmware = row.firmware
  if (row.secureBoot !== undefined) vm.secureBoot = row.secureBoot
}

function times(
  model: Model,
  { row, live, snapshots }: { row: VmRow; live: boolean; snapshots: readonly string[] },
  vm: Vm,
): void {
  const metrics = row.metrics ? model.vmMetrics.get(row.metrics) : undefined
  const last = timeOf(Math.max(0, ...snapshots.map((snapshot) => model.vms.get(snapshot)?.snapshotTime ?? 0)))
  if (last !== undefined) vm.lastSnapshot = last
  const started = live && metrics ? timeOf(metrics.started) : undefined
  if (started !== undefined) vm.started = started
  const created = metrics ? timeOf(metrics.created) : undefined
  if (created !== undefined) vm.created = created
}

function template(model: Model, ref: string, row: VmRow, common: Common): Template {
  const disks = ownDisks(model, ref)
  const built: Template = {
    // A row of this kind has an id of this type.
    id: row.id as Template['id'],
    ...common,
    default: row.defaultTemplate,
    vcpus: row.vcpus,
    memory: row.memoryMax,
    disks: disks.map(({ id }) => id),
    diskSize: sum(disks, ({ size }) => size),
  }
  if (row.description !== '') built.description = row.description
  if (row.firmware) built.firmware = row.firmware
  if (row.label !== '') built.os = row.label
  const created = timeOf((row.metrics && model.vmMetrics.get(row.metrics)?.created) || 0)
  if (created !== undefined) built.created = created
  return built
}

function snapshot(model: Model, ref: string, row: VmRow, common: Common): Snapshot {
  const disks = ownDisks(model, ref)
  const built: Snapshot = {
    // A row of this kind has an id of this type.
    id: row.id as SnapshotId,
    ...common,
    created: row.snapshotTime,
    memory: row.power === 'suspended',
    disks: disks.map(({ id }) => id),
  }
  if (disks.every(({ used }) => used !== undefined)) built.used = sum(disks, ({ used }) => used ?? 0)
  const source = row.snapshotOf ? model.vms.get(row.snapshotOf) : undefined
  if (source?.kind === 'vm') {
    // A row of this kind has an id of this type.
    built.vm = source.id as VmId
    if (source.parent === ref) built.current = true
  }
  const parent = row.parent ? model.vms.get(row.parent) : undefined
  // As above.
  if (parent?.kind === 'snapshot') built.parent = parent.id as SnapshotId
  if (row.description !== '') built.description = row.description
  if (row.busy) built.busy = [...row.busy]
  return built
}

const noText: string[] = []

/** Sorted by position; the text of the key decides between equals. */
function vbdsOf(model: Model, vm: string): VbdRow[] {
  return model.vbdsOfVm
    .of(vm)
    .map((ref) => model.vbds.get(ref))
    .filter((row) => row !== undefined)
    .sort((a, b) => (a.position ?? Infinity) - (b.position ?? Infinity) || (a.uuid < b.uuid ? -1 : 1))
}

function drives(model: Model, vm: string): VmDrive[] {
  return vbdsOf(model, vm).map((vbd) => {
    const drive: VmDrive = { key: vbd.uuid, kind: vbd.kind, boot: vbd.boot, attached: vbd.attached }
    const disk = vbd.vdi ? model.vdis.get(vbd.vdi) : undefined
    if (disk?.managed) drive.disk = disk.id
    if (vbd.device !== '') drive.device = vbd.device
    if (vbd.position !== undefined) drive.position = vbd.position
    if (vbd.readOnly) drive.readOnly = true
    return drive
  })
}

/** The disks that belong to a VM: no media. */
function ownDisks(model: Model, vm: string): VdiRow[] {
  const rows = vbdsOf(model, vm).map((vbd) => (vbd.kind === 'disk' && vbd.vdi ? model.vdis.get(vbd.vdi) : undefined))
  return [...new Set(rows)].filter((row) => row !== undefined).filter(({ managed }) => managed)
}

function nicsOf(model: Model, vm: string): Vm['nics'] {
  return model.vifsOfVm
    .of(vm)
    .map((ref) => model.vifs.get(ref))
    .filter((row) => row !== undefined)
    .sort((a, b) => Number(a.device) - Number(b.device) || (a.id < b.id ? -1 : 1))
    .map(({ id }) => id)
}

function sum<T>(items: readonly T[], size: (item: T) => number): number {
  let total = 0
  for (const item of items) total += size(item)
  return total
}

/** Where a disk belongs: the VMs that have it, and the snapshot. */
export function usersOf(model: Model, vdi: string): Pick<Disk, 'vms' | 'attached'> & { snapshot?: SnapshotId } {
  const vms = new Set<VmId>()
  let attached = false
  let snapshot: SnapshotId | undefined
  for (const ref of model.vbdsOfVdi.of(vdi)) {
    const vbd = model.vbds.get(ref)
    const vm = vbd && model.vms.get(vbd.vm)
    if (vbd?.attached) attached = true
    // A row of a kind has an id of its type.
    if (vm?.kind === 'vm') vms.add(vm.id as VmId)
    // Media stay in the drives of all snapshots and belong to none. A disk in several is told of one, always the same.
    if (vm?.kind === 'snapshot' && vbd?.kind === 'disk' && (!snapshot || vm.id < snapshot))
      snapshot = vm.id as SnapshotId
  }
  return { vms: [...vms].sort(), attached, ...(snapshot ? { snapshot } : {}) }
}
