import { XapiError } from '@nixen/xapi'
import type { Database } from '../db/database.ts'
import { isNull } from '../db/ref.ts'
import { fault } from '../errors.ts'
import type { Enums, Ref, Rows } from '../generated/rows.ts'
import { busy } from './conflicts.ts'
import { hasPvDrivers, isHvm } from './vm-rules.ts'

const vmLeaves: ReadonlySet<string> = new Set(['clean_shutdown', 'hard_shutdown', 'suspend', 'pause'])

/** The error that `op` on a VBD gets now; `undefined` when it is allowed. */
export function vbdProblem(db: Database, ref: Ref<'VBD'>, op: Enums['vbd_operations']): Error | undefined {
  const vbd = db.get('VBD', ref)
  const current = Object.entries(vbd.current_operations)
  if (current.length > 0 && op !== 'pause' && op !== 'unpause') return busy('VBD', ref, current)
  const vm = db.find('VM', vbd.VM)
  if (!vm) return fault('HANDLE_INVALID', 'VM', vbd.VM)
  return mediaProblem(vbd, ref, op) ?? vbdPlugProblem(db, { vbd, vm, ref }, op) ?? sharingProblem(db, vbd, ref, op)
}

function mediaProblem(vbd: Rows['VBD'], ref: Ref<'VBD'>, op: Enums['vbd_operations']): Error | undefined {
  if ((op === 'unplug' || op === 'unplug_force') && !vbd.unpluggable) return fault('VBD_NOT_UNPLUGGABLE', ref)
  if (op !== 'insert' && op !== 'eject') return undefined
  if (vbd.type !== 'CD') return fault('VBD_NOT_REMOVABLE_MEDIA', ref)
  if (op === 'eject' && vbd.empty) return fault('VBD_IS_EMPTY', ref)
  return op === 'insert' && !vbd.empty ? fault('VBD_NOT_EMPTY', ref) : undefined
}

interface Device {
  readonly vbd: Rows['VBD']
  readonly vm: Rows['VM']
  readonly ref: Ref<'VBD'>
}

function vbdPlugProblem(db: Database, { vbd, vm, ref }: Device, op: Enums['vbd_operations']): Error | undefined {
  if (op === 'insert' || op === 'eject' || op === 'attach') return undefined
  if (op === 'pause' || op === 'unpause') {
    return vbd.currently_attached ? undefined : fault('DEVICE_NOT_ATTACHED', ref)
  }
  const plugged = plugProblem({ vm, vmRef: vbd.VM, ref, attached: vbd.currently_attached }, op === 'plug')
  if (plugged) return plugged
  if (!isHvm(vm)) return undefined
  if (vbd.type === 'CD') return fault('OPERATION_NOT_ALLOWED', 'HVM CD-ROMs can only be inserted and ejected')
  const guest = db.find('VM_guest_metrics', vm.guest_metrics)
  return canHotplug(guest, guest?.can_use_hotplug_vbd) ? undefined : fault('VM_MISSING_PV_DRIVERS', vbd.VM)
}

function plugProblem(
  { vm, vmRef, ref, attached }: { vm: Rows['VM']; vmRef: Ref<'VM'>; ref: string; attached: boolean },
  plug: boolean,
): Error | undefined {
  if (vm.power_state !== 'Running') return fault('VM_BAD_POWER_STATE', vmRef, 'running', vm.power_state.toLowerCase())
  if (plug && attached) return fault('DEVICE_ALREADY_ATTACHED', ref)
  if (!plug && !attached) return fault('DEVICE_ALREADY_DETACHED', ref)
  for (const operation of Object.values(vm.current_operations)) {
    if (vmLeaves.has(operation))
      return fault('OPERATION_NOT_ALLOWED', `Current operation on VM:${vmRef} is ${operation}`)
  }
  return undefined
}

function canHotplug(guest: Rows['VM_guest_metrics'] | undefined, says: string | undefined): boolean {
  return says === 'yes' || (says !== 'no' && hasPvDrivers(guest))
}

function sharingProblem(
  db: Database,
  vbd: Rows['VBD'],
  ref: Ref<'VBD'>,
  op: Enums['vbd_operations'],
): Error | undefined {
  if ((op !== 'plug' && op !== 'insert' && op !== 'attach') || isNull(vbd.VDI)) return undefined
  const vdi = db.find('VDI', vbd.VDI)
  if (!vdi) return fault('HANDLE_INVALID', 'VDI', vbd.VDI)
  if (!vdi.managed) return fault('VDI_NOT_MANAGED', vbd.VDI)
  if (vdi.read_only && vbd.mode === 'RW') return fault('VDI_READONLY', vbd.VDI)
  if (vdi.sharable) return undefined
  for (const other of vdi.VBDs) {
    const { currently_attached, mode } = db.get('VBD', other)
    if (other !== ref && currently_attached && (mode === 'RW' || vbd.mode === 'RW')) return vdiInUse(vbd.VDI)
  }
  return undefined
}

/** Here a host leaves out the operation, which the data model names as second parameter. */
function vdiInUse(vdi: Ref<'VDI'>): Error {
  return new XapiError('VDI_IN_USE', [vdi])
}

/** The error that `op` on a VIF gets now; `undefined` when it is allowed. */
export function vifProblem(db: Database, ref: Ref<'VIF'>, op: Enums['vif_operations']): Error | undefined {
  const vif = db.get('VIF', ref)
  const current = Object.entries(vif.current_operations)
  if (current.length > 0) return busy('VIF', ref, current, '; ')
  const vm = db.find('VM', vif.VM)
  if (!vm) return fault('HANDLE_INVALID', 'VM', vif.VM)
  if (op === 'attach') return undefined
  const plugged = plugProblem({ vm, vmRef: vif.VM, ref, attached: vif.currently_attached }, op === 'plug')
  if (plugged) return plugged
  if (!isHvm(vm)) return undefined
  const guest = db.find('VM_guest_metrics', vm.guest_metrics)
  return canHotplug(guest, guest?.can_use_hotplug_vif) ? undefined : fault('VM_MISSING_PV_DRIVERS', vif.VM)
}
