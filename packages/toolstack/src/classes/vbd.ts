import { isNull, nullRef } from '../db/ref.ts'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref, Rows } from '../generated/rows.ts'
import { vbdProblem } from '../operations/device-rules.ts'
import { deviceName } from './vm-runtime.ts'

const maxDevices = 255

/** The device number of a new VBD: what was asked for if it is free, or the first free one for `autodetect`. */
function chooseDevice({ db }: Call, { VM, userdevice }: Rows['VBD']): string {
  const used = new Set([...db.get('VM', VM).VBDs].map((ref) => db.get('VBD', ref).userdevice))
  if (userdevice === 'autodetect') {
    const free = Array.from({ length: maxDevices }, (_, i) => String(i)).find((device) => !used.has(device))
    if (free === undefined) throw fault('INVALID_DEVICE', userdevice)
    return free
  }
  const number = numberOf(userdevice)
  if (number === undefined || number >= maxDevices) throw fault('INVALID_DEVICE', userdevice)
  if (used.has(String(number))) throw fault('DEVICE_ALREADY_EXISTS', userdevice)
  return String(number)
}

/** `3`, `xvdd`, `hdd` and `sdd` are all device 3. */
function numberOf(device: string): number | undefined {
  if (/^\d{1,4}$/.test(device)) return Number(device)
  const letters = /^(?:xvd|hd|sd)([a-z]{1,2})$/.exec(device)?.[1]
  if (!letters) return undefined
  return letters.split('').reduce((sum, letter) => sum * 26 + (letter.codePointAt(0) ?? 97) - 96, 0) - 1
}

export const vbd: MethodSet = methods('VBD', {
  create(call, args) {
    const { db } = call
    db.get('VM', args.VM)
    if (!args.empty) {
      const vdi = db.get('VDI', args.VDI)
      if (vdi.read_only && args.mode === 'RW' && args.type !== 'CD') throw fault('VDI_READONLY', args.VDI)
    }
    if (args.type === 'CD' && args.mode !== 'RO') throw fault('VBD_CDS_MUST_BE_READONLY')
    if (args.type !== 'CD' && args.empty) throw fault('VBD_NOT_REMOVABLE_MEDIA', 'in constructor')
    const userdevice = chooseDevice(call, args)
    return db.insert('VBD', {
      ...args,
      VDI: args.empty ? nullRef : args.VDI,
      userdevice,
      device: '',
      currently_attached: false,
    })
  },

  destroy({ db }, self) {
    const { currently_attached, VM } = db.get('VBD', self)
    if (currently_attached && db.find('VM', VM)?.power_state === 'Running') {
      throw fault(
        'OPERATION_NOT_ALLOWED',
        `VBD '${db.get('VBD', self).uuid}' still attached to '${db.get('VM', VM).uuid}'`,
      )
    }
    db.remove(self)
  },

  plug({ db }, self) {
    const { userdevice } = db.get('VBD', self)
    db.update(self, { currently_attached: true, device: deviceName(userdevice) })
  },

  unplug: detach,
  unplug_force: detach,

  eject({ db }, self) {
    db.update(self, { VDI: nullRef, empty: true })
  },

  insert({ db }, self, vdi) {
    db.get('VDI', vdi)
    db.update(self, { VDI: vdi, empty: false })
  },

  assert_attachable({ db }, self) {
    const problem = vbdProblem(db, self, 'attach')
    if (problem) throw problem
  },

  set_mode({ db }, self, value) {
    const { type, VM, VDI } = db.get('VBD', self)
    const state = db.find('VM', VM)?.power_state ?? 'Halted'
    if (state !== 'Halted') throw fault('VM_BAD_POWER_STATE', VM, 'halted', state.toLowerCase())
    if (type === 'CD' && value !== 'RO') throw fault('VBD_CDS_MUST_BE_READONLY')
    if (value === 'RW' && !isNull(VDI) && db.find('VDI', VDI)?.read_only) throw fault('VDI_READONLY', VDI)
    db.update(self, { mode: value })
  },
})

function detach({ db }: Call, self: Ref<'VBD'>): void {
  db.update(self, { currently_attached: false, device: '' })
}
