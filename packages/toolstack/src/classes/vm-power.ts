import { isNull, nullRef } from '../db/ref.ts'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { poolRef } from '../pool/pool.ts'
import { setWanted } from './ha.ts'
import { addMessage } from './message.ts'
import { bootProblem, placement, reachProblem } from './placement.ts'
import { createVdi, destroyVdi } from './vdi-disks.ts'
import { bootVm, haltVm, leaveHost, placeVm } from './vm-runtime.ts'

/** Starts a halted VM on a host. */
export function startVm(call: Call, vm: Ref<'VM'>, { host, paused }: { host: Ref<'host'>; paused: boolean }): void {
  assertBootable(call, vm)
  bootVm(call, vm, { host, paused })
  setWanted(call, vm, true)
  announce(call, vm, 'VM_STARTED')
}

/** Adds the alert a host makes of what happened to a machine. */
export function announce(call: Call, vm: Ref<'VM'>, name: string): void {
  const { uuid, name_label } = call.db.get('VM', vm)
  const what = name.replace('VM_', '').toLowerCase()
  // The least of the priorities: information.
  addMessage(call, { name, priority: 5, cls: 'VM', obj_uuid: uuid, body: `VM '${name_label}' ${what}` })
}

function assertBootable({ db }: Call, vm: Ref<'VM'>): void {
  const { VCPUs_at_startup, VBDs } = db.get('VM', vm)
  if (VCPUs_at_startup < 1) throw fault('VM_NO_VCPUS', vm)
  for (const ref of VBDs) {
    const vbd = db.get('VBD', ref)
    const vdi = db.find('VDI', vbd.VDI)
    if (!vdi || vdi.sharable) continue
    if (vbd.mode === 'RW' && vdi.read_only) throw fault('VDI_READONLY', vbd.VDI)
    for (const other of vdi.VBDs) {
      const { currently_attached, mode } = db.get('VBD', other)
      if (other !== ref && currently_attached && (mode === 'RW' || vbd.mode === 'RW')) {
        throw fault('VDI_IN_USE', vbd.VDI, 'VM_start')
      }
    }
  }
}

function assertCanBoot({ db }: Call, vm: Ref<'VM'>, host: Ref<'host'>): void {
  const problem = bootProblem(db, vm, host)
  if (problem) throw problem
}

/** The SR for the memory of a suspended VM. */
function suspendSr({ db }: Call, vm: Ref<'VM'>): Ref<'SR'> {
  const { suspend_SR, resident_on } = db.get('VM', vm)
  const pool = db.get('pool', poolRef(db))
  const host = db.find('host', resident_on)
  const found = [suspend_SR, host?.suspend_image_sr, pool.suspend_image_SR, pool.default_SR].find(
    (sr) => sr && db.find('SR', sr),
  )
  if (!found) throw fault('VM_NO_SUSPEND_SR', vm)
  return found
}

/** Saves a running VM's memory to a disk of its own. */
export async function suspendVm(call: Call, vm: Ref<'VM'>): Promise<void> {
  const { db } = call
  const { memory_target, memory_dynamic_max, name_label } = db.get('VM', vm)
  const vdi = await createVdi(call, {
    SR: suspendSr(call, vm),
    name_label: 'Suspend image',
    name_description: `Memory of ${name_label}`,
    virtual_size: memory_target || memory_dynamic_max,
    type: 'suspend',
  })
  db.update(vm, { suspend_VDI: vdi })
  leaveHost(db, vm, 'Suspended')
  announce(call, vm, 'VM_SUSPENDED')
}

/** Brings a suspended VM back, and removes its memory image. */
export async function resumeVm(
  call: Call,
  vm: Ref<'VM'>,
  { host, paused }: { host: Ref<'host'>; paused: boolean },
): Promise<void> {
  const { db } = call
  const { suspend_VDI, memory_dynamic_max } = db.get('VM', vm)
  placeVm(db, vm, { host, state: paused ? 'Paused' : 'Running' })
  db.update(vm, { suspend_VDI: nullRef, memory_target: memory_dynamic_max })
  announce(call, vm, 'VM_RESUMED')
  if (!isNull(suspend_VDI) && db.find('VDI', suspend_VDI)) await destroyVdi(call, suspend_VDI)
}

function reboot(call: Call, vm: Ref<'VM'>): void {
  const host = call.db.get('VM', vm).resident_on
  haltVm(call, vm)
  bootVm(call, vm, { host, paused: false })
  announce(call, vm, 'VM_REBOOTED')
}

export const vmPower: MethodSet = methods('VM', {
  start(call, vm, startPaused) {
    startVm(call, vm, { host: placement(call.db, vm), paused: startPaused })
  },

  start_on(call, vm, host, startPaused) {
    assertCanBoot(call, vm, host)
    startVm(call, vm, { host, paused: startPaused })
  },

  pause(call, vm) {
    call.db.update(vm, { power_state: 'Paused' })
    announce(call, vm, 'VM_PAUSED')
  },

  unpause(call, vm) {
    call.db.update(vm, { power_state: 'Running' })
    announce(call, vm, 'VM_UNPAUSED')
  },

  clean_shutdown(call, vm) {
    setWanted(call, vm, false)
    haltVm(call, vm)
    announce(call, vm, 'VM_SHUTDOWN')
  },

  hard_shutdown: stop,
  shutdown: stop,
  clean_reboot: reboot,
  hard_reboot: reboot,
  suspend: suspendVm,
  power_state_reset: haltVm,

  async resume(call, vm, startPaused) {
    await resumeVm(call, vm, { host: placement(call.db, vm), paused: startPaused })
  },

  async resume_on(call, vm, host, startPaused) {
    assertCanBoot(call, vm, host)
    await resumeVm(call, vm, { host, paused: startPaused })
  },

  pool_migrate(call, vm, host) {
    const { power_state } = call.db.get('VM', vm)
    assertCanBoot(call, vm, host)
    call.task.progress(0.5)
    placeVm(call.db, vm, { host, state: power_state })
    announce(call, vm, 'VM_MIGRATED')
  },

  assert_can_boot_here: assertCanBoot,

  assert_agile({ db }, self) {
    for (const { ref } of db.rows('host')) {
      const problem = reachProblem(db, self, ref)
      if (problem?.code === 'VM_REQUIRES_SR')
        throw fault('HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED', problem.params[1] ?? '')
      if (problem) throw fault('HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED', problem.params[1] ?? '')
    }
  },
})

/** Also ends a suspended VM: its memory image goes. */
async function stop(call: Call, vm: Ref<'VM'>): Promise<void> {
  const { suspend_VDI } = call.db.get('VM', vm)
  setWanted(call, vm, false)
  haltVm(call, vm)
  announce(call, vm, 'VM_SHUTDOWN')
  if (isNull(suspend_VDI) || !call.db.find('VDI', suspend_VDI)) return
  call.db.update(vm, { suspend_VDI: nullRef })
  await destroyVdi(call, suspend_VDI)
}
