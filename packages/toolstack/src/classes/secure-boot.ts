import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Enums, Ref } from '../generated/rows.ts'

/** Whether a machine would boot with Secure Boot: by its firmware, its setting, and whether it has EFI variables yet. */
function readinessOf({ db }: Call, vm: Ref<'VM'>): Enums['vm_secureboot_readiness'] {
  const { HVM_boot_params, platform, NVRAM } = db.get('VM', vm)
  if (HVM_boot_params['firmware'] !== 'uefi') return 'not_supported'
  if (platform['secureboot'] !== 'true') return 'disabled'
  return NVRAM['EFI-variables'] === undefined ? 'first_boot' : 'ready'
}

export const vmSecureBoot: MethodSet = methods('VM', {
  get_secureboot_readiness: readinessOf,

  /** A host starts a new device model, as by a migration to itself. Nothing of it shows. */
  restart_device_models({ db }, self) {
    const { power_state } = db.get('VM', self)
    if (power_state !== 'Running') throw fault('VM_BAD_POWER_STATE', self, 'running', power_state.toLowerCase())
  },
})

export const poolSecureBoot: MethodSet = methods('pool', {
  get_guest_secureboot_readiness({ db }, self) {
    return db.get('pool', self).uefi_certificates === '' ? 'not_ready' : 'ready'
  },
})
