import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import type { Ref } from '../generated/rows.ts'
import { withOperation } from '../operations/with-operation.ts'
import { placement } from './placement.ts'
import { startVm } from './vm-power.ts'
import { haltVm } from './vm-runtime.ts'

interface ApplianceStep {
  readonly op: 'start' | 'clean_shutdown' | 'hard_shutdown'
  /** Whether it is done to machines that are halted, or to the others. */
  readonly halted: boolean
  readonly work: (vm: Ref<'VM'>) => unknown
}

/** Does an operation on the machines of an appliance that are in the right state for it, in their order. */
async function forEachVm(
  call: Call,
  appliance: Ref<'VM_appliance'>,
  { op, halted, work }: ApplianceStep,
): Promise<void> {
  const { db } = call
  const vms = [...db.get('VM_appliance', appliance).VMs].sort((a, b) => db.get('VM', a).order - db.get('VM', b).order)
  for (const vm of vms) {
    if ((db.get('VM', vm).power_state === 'Halted') !== halted) continue
    await withOperation(call, { cls: 'VM', op }, vm, () => work(vm))
  }
}

export const secret: MethodSet = methods('secret', {
  introduce: ({ db }, uuid, value, other_config) => db.insert('secret', { uuid, value, other_config }),
})

export const blob: MethodSet = methods('blob', {
  create: ({ db, pool }, mime_type, isPublic) =>
    db.insert('blob', { mime_type, public: isPublic, size: 0, last_updated: pool.clock.now() }),
  destroy({ db }, self) {
    db.get('blob', self)
    db.remove(self)
  },
})

export const vmAppliance: MethodSet = methods('VM_appliance', {
  start(call, self, paused) {
    const work = (vm: Ref<'VM'>): void => startVm(call, vm, { host: placement(call.db, vm), paused })
    return forEachVm(call, self, { op: 'start', halted: true, work })
  },
  clean_shutdown: (call, self) =>
    forEachVm(call, self, { op: 'clean_shutdown', halted: false, work: (vm) => haltVm(call, vm) }),
  hard_shutdown: (call, self) =>
    forEachVm(call, self, { op: 'hard_shutdown', halted: false, work: (vm) => haltVm(call, vm) }),
  shutdown: (call, self) =>
    forEachVm(call, self, { op: 'hard_shutdown', halted: false, work: (vm) => haltVm(call, vm) }),
})
