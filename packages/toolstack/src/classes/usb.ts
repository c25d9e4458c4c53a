import type { XapiError } from '@nixen/xapi'
import type { Database } from '../db/database.ts'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'

/** As many as a controller of a machine has ports for. */
const maxDevices = 6

/** Why a machine can't have its USB devices on a host; `undefined` when it can. */
export function usbProblem(db: Database, vm: Ref<'VM'>, host: Ref<'host'>): XapiError | undefined {
  for (const vusb of db.get('VM', vm).VUSBs) {
    const { USB_group } = db.get('VUSB', vusb)
    const there = [...(db.find('USB_group', USB_group)?.PUSBs ?? [])].some((pusb) => {
      const { host: of, passthrough_enabled } = db.get('PUSB', pusb)
      return of === host && passthrough_enabled
    })
    if (!there) return fault('VM_REQUIRES_VUSB', vm, USB_group)
  }
  return undefined
}

/** The devices come with a machine that starts, and go when it ends. */
export function attachUsbs(db: Database, vm: Ref<'VM'>, attached: boolean): void {
  for (const vusb of db.get('VM', vm).VUSBs) {
    db.update(vusb, { currently_attached: attached, allowed_operations: attached ? ['unplug'] : [] })
  }
}

function assertNoMachineHas({ db }: Call, self: Ref<'PUSB'>): void {
  for (const vusb of db.find('USB_group', db.get('PUSB', self).USB_group)?.VUSBs ?? []) {
    const { currently_attached, VM } = db.get('VUSB', vusb)
    if (currently_attached) throw fault('USB_ALREADY_ATTACHED', self, VM)
  }
}

export const pusb: MethodSet = methods('PUSB', {
  scan: ({ db }, host) => void db.get('host', host),
  set_passthrough_enabled(call, self, value) {
    const { db } = call
    if (!value) {
      assertNoMachineHas(call, self)
      // What no machine can get any more goes from those that were to get it.
      for (const vusb of db.find('USB_group', db.get('PUSB', self).USB_group)?.VUSBs ?? []) db.remove(vusb)
    }
    db.update(self, { passthrough_enabled: value })
  },
})

export const usbGroup: MethodSet = methods('USB_group', {
  create: ({ db }, name_label, name_description, other_config) =>
    db.insert('USB_group', { name_label, name_description, other_config }),
  destroy({ db }, self) {
    const { PUSBs, VUSBs } = db.get('USB_group', self)
    if (PUSBs.size > 0) throw fault('USB_GROUP_CONTAINS_PUSB', [...PUSBs].join(', '))
    if (VUSBs.size > 0) throw fault('USB_GROUP_CONTAINS_VUSB', [...VUSBs].join(', '))
    db.remove(self)
  },
})

export const vusb: MethodSet = methods('VUSB', {
  create({ db }, VM, USB_group, other_config) {
    const { VUSBs, power_state, ha_restart_priority } = db.get('VM', VM)
    const { VUSBs: others, PUSBs } = db.get('USB_group', USB_group)
    if (VUSBs.size >= maxDevices) throw fault('TOO_MANY_VUSBS', String(maxDevices))
    if (PUSBs.size === 0) throw fault('USB_GROUP_CONTAINS_NO_PUSBS', USB_group)
    if (others.size > 0) throw fault('USB_GROUP_CONFLICT', USB_group)
    if (ha_restart_priority !== '') {
      throw fault('OPERATION_NOT_ALLOWED', `VM ${VM} has a HA restart priority and can not have a USB device`)
    }
    if (power_state !== 'Halted') throw fault('VM_BAD_POWER_STATE', VM, 'halted', power_state.toLowerCase())
    return db.insert('VUSB', { VM, USB_group, other_config, currently_attached: false })
  },

  unplug({ db }, self) {
    const { VM, currently_attached } = db.get('VUSB', self)
    const { power_state } = db.get('VM', VM)
    if (power_state !== 'Running') throw fault('VM_BAD_POWER_STATE', VM, 'running', power_state.toLowerCase())
    if (!currently_attached) throw fault('DEVICE_ALREADY_DETACHED', self)
    db.update(self, { currently_attached: false, allowed_operations: [] })
  },

  destroy({ db }, self) {
    const { currently_attached, VM, uuid } = db.get('VUSB', self)
    if (currently_attached) {
      throw fault('OPERATION_NOT_ALLOWED', `VUSB '${uuid}' still attached to '${db.get('VM', VM).uuid}'`)
    }
    db.remove(self)
  },
})
