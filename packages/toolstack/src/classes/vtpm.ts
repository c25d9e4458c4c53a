import type { Database } from '../db/database.ts'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'

function assertHalted({ db }: Call, vm: Ref<'VM'>): void {
  const { power_state } = db.get('VM', vm)
  if (power_state !== 'Halted') throw fault('VM_BAD_POWER_STATE', vm, 'halted', power_state.toLowerCase())
}

/** Gives a machine the VTPMs of another one, with what they keep. */
export function copyVtpms(db: Database, from: Ref<'VM'>, to: Ref<'VM'>): void {
  for (const ref of db.get('VM', from).VTPMs) {
    const { is_unique, is_protected, persistence_backend, contents } = db.get('VTPM', ref)
    const value = db.find('secret', contents)?.value ?? ''
    const own = db.insert('secret', { value, other_config: {} })
    db.insert('VTPM', { VM: to, is_unique, is_protected, persistence_backend, contents: own })
  }
}

/** Removes a VTPM with what it keeps. */
export function removeVtpm(db: Database, vtpm: Ref<'VTPM'>): void {
  const { contents } = db.get('VTPM', vtpm)
  if (db.find('secret', contents)) db.remove(contents)
  db.remove(vtpm)
}

export const vtpm: MethodSet = methods('VTPM', {
  create(call, VM, is_unique) {
    const { db } = call
    const { VTPMs } = db.get('VM', VM)
    assertHalted(call, VM)
    if (VTPMs.size > 0) throw fault('VTPM_MAX_AMOUNT_REACHED', '1')
    const contents = db.insert('secret', { value: '', other_config: {} })
    return db.insert('VTPM', { VM, is_unique, is_protected: false, persistence_backend: 'xapi', contents })
  },

  destroy(call, self) {
    assertHalted(call, call.db.get('VTPM', self).VM)
    removeVtpm(call.db, self)
  },

  /** What the device keeps, in base64. */
  get_contents({ db }, self) {
    return db.find('secret', db.get('VTPM', self).contents)?.value ?? ''
  },

  set_contents({ db }, self, value) {
    const { contents } = db.get('VTPM', self)
    if (db.find('secret', contents)) db.update(contents, { value })
    else db.update(self, { contents: db.insert('secret', { value, other_config: {} }) })
  },
})
