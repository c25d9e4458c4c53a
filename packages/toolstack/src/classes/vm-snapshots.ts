import { isNull, nullRef } from '../db/ref.ts'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { omit } from '../omit.ts'
import { copyVm, perVif, type CopyPlan } from './vm-copy.ts'
import { cloneVdi, destroyVdi } from './vdi-disks.ts'
import { announce, resumeVm, suspendVm } from './vm-power.ts'
import { haltVm } from './vm-runtime.ts'
import { copyVgpus } from './gpu.ts'
import { copyVtpms, removeVtpm } from './vtpm.ts'

/** Makes a snapshot and hangs it into the tree of snapshots. */
async function snapshot(call: Call, vm: Ref<'VM'>, plan: CopyPlan): Promise<Ref<'VM'>> {
  const { db } = call
  const copy = await copyVm(call, vm, plan)
  const { parent } = db.get('VM', vm)
  db.update(copy, { parent: isNull(parent) ? nullRef : parent })
  db.update(vm, { parent: copy })
  announce(call, vm, plan.kind === 'checkpoint' ? 'VM_CHECKPOINTED' : 'VM_SNAPSHOTTED')
  return copy
}

async function checkpoint(call: Call, vm: Ref<'VM'>, name: string): Promise<Ref<'VM'>> {
  const { db } = call
  const { power_state, resident_on } = db.get('VM', vm)
  if (power_state === 'Suspended') return await snapshot(call, vm, { name, kind: 'checkpoint' })
  await suspendVm(call, vm)
  try {
    return await snapshot(call, vm, { name, kind: 'checkpoint' })
  } finally {
    await resumeVm(call, vm, { host: resident_on, paused: power_state === 'Paused' })
  }
}

/** Sets a VM back to a snapshot: its disks are replaced by clones of the snapshot's. */
async function revert(call: Call, snapshotRef: Ref<'VM'>): Promise<void> {
  const { db, task } = call
  const frozen = db.get('VM', snapshotRef)
  const vm = frozen.snapshot_of
  if (!db.find('VM', vm)) throw fault('VM_REVERT_FAILED', vm, snapshotRef)
  if (db.get('VM', vm).power_state !== 'Halted') haltVm(call, vm)
  task.progress(0.2)
  const disks = await cloneSnapshotDisks(call, snapshotRef)
  task.progress(0.5)
  const families = await removeReplaced(call, vm, snapshotRef)
  task.progress(0.6)
  takeOver(call, vm, { snapshotRef, disks, families })
  task.progress(0.8)
  announce(call, vm, 'VM_SNAPSHOT_REVERTED')
}

async function cloneSnapshotDisks(call: Call, snapshotRef: Ref<'VM'>): Promise<Map<string, Ref<'VDI'>>> {
  const { db } = call
  const { VBDs, suspend_VDI } = db.get('VM', snapshotRef)
  const sources = [...VBDs]
    .map((ref) => db.get('VBD', ref))
    .filter((vbd) => vbd.type === 'Disk')
    .map((vbd) => vbd.VDI)
  if (!isNull(suspend_VDI)) sources.push(suspend_VDI)
  const clones = new Map<string, Ref<'VDI'>>()
  for (const vdi of sources) if (db.find('VDI', vdi)) clones.set(vdi, await cloneVdi(call, vdi))
  return clones
}

/**
 * Destroys the VM's disks that have a counterpart in the snapshot; disks added later are detached and stay. Resolves to the snapshots of each disk
 * that is gone: they become snapshots of its successor.
 */
async function removeReplaced(call: Call, vm: Ref<'VM'>, snapshotRef: Ref<'VM'>): Promise<Ref<'VDI'>[][]> {
  const { db } = call
  const families: Ref<'VDI'>[][] = []
  const counterparts = new Set(
    [...db.get('VM', snapshotRef).VBDs].map((ref) => db.find('VDI', db.get('VBD', ref).VDI)?.snapshot_of),
  )
  const { suspend_VDI, VIFs, VBDs, VTPMs, VGPUs } = db.get('VM', vm)
  for (const vgpu of VGPUs) db.remove(vgpu)
  for (const vif of VIFs) db.remove(vif)
  for (const vtpm of VTPMs) removeVtpm(db, vtpm)
  for (const vbd of VBDs) {
    const { VDI, type } = db.get('VBD', vbd)
    if (type === 'Disk' && counterparts.has(VDI)) {
      families.push([...db.get('VDI', VDI).snapshots])
      await destroyVdi(call, VDI)
    }
    db.remove(vbd)
  }
  if (!isNull(suspend_VDI) && db.find('VDI', suspend_VDI)) {
    db.update(vm, { suspend_VDI: nullRef })
    await destroyVdi(call, suspend_VDI)
  }
  return families
}

function takeOver(
  call: Call,
  vm: Ref<'VM'>,
  {
    snapshotRef,
    disks,
    families,
  }: {
    snapshotRef: Ref<'VM'>
    disks: ReadonlyMap<string, Ref<'VDI'>>
    families: readonly Ref<'VDI'>[][]
  },
): void {
  const { db } = call
  const frozen = db.get('VM', snapshotRef)
  for (const ref of frozen.VBDs) {
    const { VDI, userdevice, bootable, mode, type, unpluggable, empty, other_config } = db.get('VBD', ref)
    const disk = disks.get(VDI)
    db.insert('VBD', { VM: vm, VDI: disk ?? VDI, userdevice, bootable, mode, type, unpluggable, empty, other_config })
    if (!disk) continue
    db.update(disk, { name_label: db.get('VDI', VDI).name_label })
    const family = families.find((snapshots) => snapshots.includes(VDI)) ?? [VDI]
    for (const snapshotVdi of family) db.update(snapshotVdi, { snapshot_of: disk })
  }
  copyVtpms(db, snapshotRef, vm)
  copyVgpus(db, snapshotRef, vm)
  for (const ref of frozen.VIFs) {
    db.insert('VIF', { ...omit(db.get('VIF', ref), ...perVif), VM: vm })
  }
  const memory = disks.get(frozen.suspend_VDI)
  const { name_description, tags, platform, other_config, VCPUs_max, VCPUs_at_startup } = frozen
  const { memory_static_max, memory_static_min, memory_dynamic_max, memory_dynamic_min, HVM_boot_params } = frozen
  db.update(vm, {
    name_description,
    tags,
    platform,
    other_config,
    VCPUs_max,
    VCPUs_at_startup,
    HVM_boot_params,
    memory_static_max,
    memory_static_min,
    memory_dynamic_max,
    memory_dynamic_min,
    parent: snapshotRef,
    power_state: memory ? 'Suspended' : 'Halted',
    suspend_VDI: memory ?? nullRef,
  })
}

export const vmSnapshots: MethodSet = methods('VM', {
  async snapshot(call, vm, new_name, ignore_vdis) {
    return await snapshot(call, vm, { name: new_name, kind: 'snapshot', without: new Set(ignore_vdis) })
  },
  checkpoint,
  revert,
  async clone(call, vm, new_name) {
    const copy = await copyVm(call, vm, { name: new_name, kind: 'clone' })
    announce(call, copy, 'VM_CLONED')
    return copy
  },
  async copy(call, vm, new_name, sr) {
    const known = call.db.find('SR', sr)
    return await copyVm(call, vm, { name: new_name, kind: 'copy', ...(known ? { sr } : {}) })
  },
})
