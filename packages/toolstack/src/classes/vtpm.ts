import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'

function assertHalted({ db }: Call, vm: Ref<'VM'>): void {
  const { power_state } = db.get('VM', vm)
  if (power_state !== 'Halted') throw fault('VM_BAD_POWER_STATE', vm, 'halted', power_state.toLowerCase())
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
    const { VM, contents } = call.db.get('VTPM', self)
    assertHalted(call, VM)
    if (call.db.find('secret', contents)) call.db.remove(contents)
    call.db.remove(self)
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
