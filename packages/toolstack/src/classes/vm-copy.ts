import { createHash } from 'node:crypto'
import { isNull, nullRef } from '../db/ref.ts'
import type { Call } from '../dispatch/call.ts'
import type { Ref, Rows } from '../generated/rows.ts'
import { omit } from '../omit.ts'
import { cloneVdi, copyVdi, snapshotVdi } from './vdi-disks.ts'
import { copyVgpus } from './gpu.ts'
import { copyVtpms } from './vtpm.ts'

/** Fields that a copy does not take over, whatever kind of copy it is. */
const ownFields: ReadonlySet<string> = new Set([
  'uuid',
  'allowed_operations',
  'current_operations',
  'blocked_operations',
  'resident_on',
  'scheduled_to_be_resident_on',
  'domid',
  'domarch',
  'metrics',
  'guest_metrics',
  'suspend_VDI',
  'suspend_SR',
  'is_a_snapshot',
  'snapshot_of',
  'snapshot_time',
  'snapshot_info',
  'snapshot_metadata',
  'transportable_snapshot_id',
  'parent',
  'appliance',
  'start_delay',
  'shutdown_delay',
  'order',
  'ha_always_run',
  'ha_restart_priority',
  'version',
  'protection_policy',
  'snapshot_schedule',
  'is_snapshot_from_vmpp',
  'is_vmss_snapshot',
  'is_control_domain',
  'memory_target',
])

export interface CopyPlan {
  readonly name: string
  readonly kind: 'clone' | 'copy' | 'snapshot' | 'checkpoint'
  /** Where the disks of a copy go; each stays on its SR without it. */
  readonly sr?: Ref<'SR'>
  /** Disks to leave out. */
  readonly without?: ReadonlySet<string>
}

/** Makes a VM like another one, disks, interfaces and all. What was made is removed again when a disk can't be copied. */
export async function copyVm(call: Call, source: Ref<'VM'>, plan: CopyPlan): Promise<Ref<'VM'>> {
  const disks = await copyDisks(call, source, plan)
  const vm = insertCopy(call, source, plan)
  copyVbds(call, { source, vm, disks, plan })
  copyVifs(call, { source, vm, plan })
  copyVtpms(call.db, source, vm)
  copyVgpus(call.db, source, vm)
  return vm
}

/** Whether the new VM stands for a moment of the old one. */
export function isFrozen({ kind }: Pick<CopyPlan, 'kind'>): boolean {
  return kind === 'snapshot' || kind === 'checkpoint'
}

type DiskMap = ReadonlyMap<string, Ref<'VDI'>>

async function copyDisks(call: Call, source: Ref<'VM'>, plan: CopyPlan): Promise<DiskMap> {
  const { db } = call
  const { VBDs, suspend_VDI } = db.get('VM', source)
  const sources = [...VBDs]
    .map((ref) => db.get('VBD', ref))
    .filter((vbd) => vbd.type === 'Disk')
    .map((vbd) => vbd.VDI)
  if (!isNull(suspend_VDI) && plan.kind !== 'snapshot') sources.push(suspend_VDI)
  const wanted = sources.filter((vdi) => db.find('VDI', vdi) && !plan.without?.has(vdi))
  const made = new Map<string, Ref<'VDI'>>()
  try {
    for (const [i, vdi] of wanted.entries()) {
      const progress = (done: number): void => call.task.progress((i + done) / wanted.length)
      made.set(vdi, await copyDisk(call, vdi, { plan, progress }))
      progress(1)
    }
    return made
  } catch (error) {
    for (const vdi of made.values()) {
      await call.pool.storage.destroy({ sr: db.get('SR', db.get('VDI', vdi).SR).uuid, uuid: db.get('VDI', vdi).uuid })
      db.remove(vdi)
    }
    throw error
  }
}

async function copyDisk(
  call: Call,
  vdi: Ref<'VDI'>,
  { plan, progress }: { plan: CopyPlan; progress: (done: number) => void },
): Promise<Ref<'VDI'>> {
  if (isFrozen(plan)) return await snapshotVdi(call, vdi)
  if (plan.kind === 'clone') return await cloneVdi(call, vdi)
  return await copyVdi(call, vdi, { sr: plan.sr ?? call.db.get('VDI', vdi).SR, progress })
}

function insertCopy(call: Call, source: Ref<'VM'>, plan: CopyPlan): Ref<'VM'> {
  const { db } = call
  const row = db.row('VM', source)
  const old = row.values
  const kept = row.cls.fields.filter(
    (field) => !ownFields.has(field.name) && (!field.relation || field.relation.kind === 'one'),
  )
  // Each value comes from the field of the same name.
  const fields = Object.fromEntries(kept.map(({ name }) => [name, old[name as keyof typeof old]])) as Partial<
    Rows['VM']
  >
  const suspended = plan.kind === 'checkpoint' || (old.power_state === 'Suspended' && plan.kind !== 'snapshot')
  return db.insert('VM', {
    ...fields,
    name_label: plan.name,
    power_state: suspended ? 'Suspended' : 'Halted',
    domid: -1,
    resident_on: nullRef,
    is_default_template: false,
    generation_id: plan.kind === 'snapshot' || old.generation_id === '' ? old.generation_id : newGenerationId(call),
    metrics: copyRow(call, 'VM_metrics', old.metrics),
    guest_metrics: copyRow(call, 'VM_guest_metrics', old.guest_metrics),
    ...(isFrozen(plan) ? snapshotFields(call, source) : { other_config: copiedConfig(call, old) }),
  })
}

function newGenerationId(call: Call): string {
  const part = (): string =>
    BigInt.asIntN(64, BigInt(`0x${call.db.newUuid().replaceAll('-', '').slice(0, 16)}`)).toString()
  return `${part()}:${part()}`
}

function copyRow<C extends 'VM_metrics' | 'VM_guest_metrics'>({ db }: Call, cls: C, ref: Ref<C>): Ref<C> {
  const values = db.find(cls, ref)
  return values ? db.insert(cls, { ...values, uuid: db.newUuid() }) : nullRef
}

/** What makes a VM a snapshot: it is a template too. */
function snapshotFields({ db, pool }: Call, source: Ref<'VM'>): Partial<Rows['VM']> {
  const { power_state, other_config } = db.get('VM', source)
  return {
    is_a_snapshot: true,
    is_a_template: true,
    snapshot_of: source,
    snapshot_time: pool.clock.now(),
    snapshot_info: { 'power-state-at-snapshot': power_state, 'disk-snapshot-type': 'crash_consistent' },
    other_config,
  }
}

function copiedConfig({ db }: Call, { other_config, is_a_template, name_label }: Rows['VM']): Record<string, string> {
  const kept: Record<string, string> = omit(other_config, 'default_template', 'xensource_internal')
  return {
    ...kept,
    ...(is_a_template && !kept['base_template_name'] ? { base_template_name: name_label } : {}),
    mac_seed: db.newUuid(),
  }
}

function copyVbds(
  { db }: Call,
  { source, vm, disks, plan }: { source: Ref<'VM'>; vm: Ref<'VM'>; disks: DiskMap; plan: CopyPlan },
): void {
  for (const ref of db.get('VM', source).VBDs) {
    const { VDI, userdevice, bootable, mode, type, unpluggable, empty, other_config } = db.get('VBD', ref)
    const copy = disks.get(VDI)
    if (type === 'Disk' && !copy) continue
    db.insert('VBD', {
      VM: vm,
      VDI: copy ?? VDI,
      userdevice,
      bootable,
      mode,
      type,
      unpluggable,
      empty,
      // An owner's disks are deleted with the VM.
      other_config: copy && !isFrozen(plan) ? { ...other_config, owner: '' } : other_config,
    })
  }
  const memory = disks.get(db.get('VM', source).suspend_VDI)
  if (memory) db.update(vm, { suspend_VDI: memory })
}

/** Fields of an interface that another one never takes over. */
export const perVif = ['uuid', 'VM', 'currently_attached', 'current_operations', 'allowed_operations'] as const

function copyVifs({ db }: Call, { source, vm, plan }: { source: Ref<'VM'>; vm: Ref<'VM'>; plan: CopyPlan }): void {
  const seed = db.get('VM', vm).other_config['mac_seed'] ?? ''
  for (const ref of db.get('VM', source).VIFs) {
    const { MAC, ...vif } = db.get('VIF', ref)
    const kept = omit(vif, ...perVif)
    db.insert('VIF', {
      ...kept,
      VM: vm,
      MAC: isFrozen(plan) ? MAC : macFromSeed(seed, Number(kept.device)),
      MAC_autogenerated: isFrozen(plan) ? kept.MAC_autogenerated : true,
    })
  }
}

/** The MAC address of the interface with that number: a chain of digests from the VM's seed. */
export function macFromSeed(seed: string, device: number): string {
  let digest = createHash('md5').update(seed).digest()
  for (let i = 0; i < device; i++) digest = createHash('md5').update(digest).digest()
  // Locally administered, unicast.
  const octets = [((digest[0] ?? 0) & 0xfc) | 0x02, ...digest.subarray(1, 6)]
  return octets.map((octet) => octet.toString(16).padStart(2, '0')).join(':')
}
