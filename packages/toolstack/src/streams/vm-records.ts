import type { Database } from '../db/database.ts'
import { nullRef } from '../db/ref.ts'
import { macFromSeed } from '../classes/vm-copy.ts'
import type { Ref, Rows } from '../generated/rows.ts'
import { omit } from '../omit.ts'
import type { PackedObject, PackedObjects } from './package-reader.ts'

export interface RecordPlan {
  /** Keeps UUIDs that are free, and MAC addresses. */
  readonly restore: boolean
  /** The disk for each id of the file that has one. */
  readonly disks: ReadonlyMap<string, Ref<'VDI'>>
}

/** Fields of a machine that say where and how it runs, or that belong to its old pool. */
const ownOfPool = [
  'uuid',
  'allowed_operations',
  'current_operations',
  'blocked_operations',
  'resident_on',
  'scheduled_to_be_resident_on',
  'affinity',
  'metrics',
  'guest_metrics',
  'suspend_VDI',
  'suspend_SR',
  'appliance',
  'protection_policy',
  'snapshot_schedule',
  'snapshot_of',
  'parent',
  'children',
  'snapshots',
  'VBDs',
  'VIFs',
  'VUSBs',
  'VTPMs',
  'VGPUs',
  'consoles',
  'attached_PCIs',
  'groups',
  'crash_dumps',
  'is_control_domain',
  'domid',
] as const

/** Makes the records of all VMs of a file, at once. The disks are there already. */
export function insertVms(db: Database, objects: PackedObjects, plan: RecordPlan): Ref<'VM'>[] {
  const packed = objects.of('VM')
  const refs = new Map<string, Ref<'VM'>>()
  for (const vm of packed) refs.set(vm.id, insertVm(db, vm, { objects, plan }))
  for (const { id, fields } of packed) {
    const ref = refs.get(id)
    if (ref === undefined) continue
    db.update(ref, {
      snapshot_of: refs.get(fields.snapshot_of ?? '') ?? nullRef,
      parent: refs.get(fields.parent ?? '') ?? nullRef,
    })
  }
  for (const vbd of objects.of('VBD')) insertVbd(db, vbd, { refs, plan })
  for (const { vm, isUnique, isProtected, content } of objects.vtpms) {
    const VM = refs.get(vm)
    if (VM === undefined) continue
    const contents = db.insert('secret', { value: content, other_config: {} })
    const kept = { is_unique: isUnique, is_protected: isProtected, persistence_backend: 'xapi' as const }
    db.insert('VTPM', { VM, contents, ...kept })
  }
  for (const vif of objects.of('VIF')) insertVif(db, vif, { refs, objects, plan })
  return packed.filter((vm) => !isSnapshotOf(objects, vm)).flatMap(({ id }) => refs.get(id) ?? [])
}

/** A snapshot that was exported without its machine is a machine when it comes back. */
function isSnapshotOf(objects: PackedObjects, { fields }: PackedObject<'VM'>): boolean {
  return fields.is_a_snapshot === true && objects.find('VM', fields.snapshot_of) !== undefined
}

function insertVm(
  db: Database,
  packed: PackedObject<'VM'>,
  { objects, plan }: { objects: PackedObjects; plan: RecordPlan },
): Ref<'VM'> {
  const { fields } = packed
  const uuid = freeUuid(db, 'VM', fields.uuid, plan)
  const memory = plan.disks.get(fields.suspend_VDI ?? '')
  const metrics = objects.find('VM_metrics', fields.metrics)
  const seed = plan.restore ? {} : { mac_seed: db.newUuid() }
  return db.insert('VM', {
    ...defined(omit(fields, ...ownOfPool)),
    uuid,
    power_state: memory === undefined ? 'Halted' : 'Suspended',
    suspend_VDI: memory ?? nullRef,
    domid: -1,
    resident_on: nullRef,
    is_control_domain: false,
    is_default_template: false,
    ...(fields.is_a_snapshot === true && !isSnapshotOf(objects, packed) ? machine : {}),
    metrics: db.insert('VM_metrics', { ...defined(omit(metrics?.fields ?? {}, 'uuid')) }),
    other_config: { ...fields.other_config, ...seed },
  })
}

/** What a snapshot says of itself, and a machine does not. */
const machine = {
  is_a_snapshot: false,
  is_a_template: false,
  snapshot_time: 0,
  snapshot_info: {},
  transportable_snapshot_id: '',
} as const

/** Fields that were read; those of another version are left to their defaults. */
function defined<T extends object>(fields: T): T {
  // Only members that are there are kept.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
}

/** The UUID of the file when it is to be kept and nobody has it. */
export function freeUuid(
  db: Database,
  cls: 'VM' | 'VDI',
  uuid: string | undefined,
  { restore }: Pick<RecordPlan, 'restore'>,
): string {
  return restore && uuid !== undefined && db.findUuid(cls, uuid) === undefined ? uuid : db.newUuid()
}

interface Devices {
  readonly refs: ReadonlyMap<string, Ref<'VM'>>
  readonly plan: RecordPlan
}

function insertVbd(db: Database, { fields }: PackedObject<'VBD'>, { refs, plan }: Devices): void {
  const VM = refs.get(fields.VM ?? '')
  const VDI = plan.disks.get(fields.VDI ?? '')
  // A disk that is not in the file has no device; drives stay, empty.
  if (VM === undefined || (fields.type !== 'CD' && VDI === undefined)) return
  const kept: Partial<Rows['VBD']> = defined(
    omit(fields, 'uuid', 'VM', 'VDI', 'allowed_operations', 'current_operations', 'metrics', 'device'),
  )
  db.insert('VBD', { ...kept, VM, VDI: VDI ?? nullRef, empty: VDI === undefined, currently_attached: false })
}

function insertVif(
  db: Database,
  { fields }: PackedObject<'VIF'>,
  { refs, objects, plan }: Devices & { objects: PackedObjects },
): void {
  const VM = refs.get(fields.VM ?? '')
  if (VM === undefined) return
  const kept: Partial<Rows['VIF']> = defined(
    omit(fields, 'uuid', 'VM', 'network', 'allowed_operations', 'current_operations', 'metrics', 'MAC'),
  )
  const isSnapshot = db.get('VM', VM).is_a_snapshot
  const seed = db.get('VM', VM).other_config['mac_seed'] ?? db.newUuid()
  const keepsMac = plan.restore || isSnapshot || fields.MAC_autogenerated === false
  db.insert('VIF', {
    ...kept,
    VM,
    network: networkFor(db, objects.find('network', fields.network)),
    MAC: keepsMac && fields.MAC !== undefined ? fields.MAC : macFromSeed(seed, Number(fields.device ?? 0)),
    currently_attached: false,
  })
}

/** The network with that UUID, or else bridge, or else name; a new one when there is none. */
function networkFor(db: Database, packed: PackedObject<'network'> | undefined): Ref<'network'> {
  const { uuid = '', bridge = '', name_label = 'Imported network' } = packed?.fields ?? {}
  const found = db.findUuid('network', uuid)
  if (found !== undefined) return found
  const networks = [...db.rows('network')]
  const same =
    networks.find(({ values }) => bridge !== '' && values.bridge === bridge) ??
    networks.find(({ values }) => values.name_label === name_label)
  return same?.ref ?? db.insert('network', { name_label, bridge: `xapi${db.count('network')}`, managed: true })
}
