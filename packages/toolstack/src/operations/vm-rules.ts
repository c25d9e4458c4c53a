import { XapiError } from '@nixen/xapi'
import type { Database } from '../db/database.ts'
import { fault } from '../errors.ts'
import type { Enums, Ref, Rows } from '../generated/rows.ts'
import { busy } from './conflicts.ts'
import { operations } from './rules-data.ts'

type Operation = Enums['vm_operations']

/** Why an operation on a VM is refused; `strict` also asks what the guest can do, as the advisory lists do. */
export interface RuleOptions {
  readonly strict: boolean
}

const rules = operations.vm
const moving: ReadonlySet<Operation> = new Set<Operation>(['suspend', 'checkpoint', 'pool_migrate', 'migrate_send'])
const keepsDiskState: ReadonlySet<Operation> = new Set<Operation>(['snapshot', 'checkpoint', 'suspend'])
/** What may be done to dom0. */
const controlDomain: ReadonlySet<Operation> = new Set<Operation>([
  'data_source_op',
  'changing_memory_live',
  'awaiting_memory_live',
  'metadata_export',
  'changing_dynamic_range',
  'changing_static_range',
  'changing_memory_limits',
  'changing_VCPUs',
])

/** The error that `op` on a VM gets now, in the order of a host's checks; `undefined` when it is allowed. */
export function vmProblem(db: Database, ref: Ref<'VM'>, op: Operation, { strict }: RuleOptions): Error | undefined {
  const vm = db.get('VM', ref)
  return (
    blockedProblem(vm, ref, op) ??
    stateProblem(db, vm, ref, op) ??
    concurrencyProblem(vm, ref, op) ??
    kindProblem(vm, ref, op) ??
    mobilityProblem(vm, ref, op) ??
    guestProblem(db, vm, ref, op, strict) ??
    deviceProblem(db, vm, ref, op)
  )
}

function blockedProblem(vm: Rows['VM'], ref: Ref<'VM'>, op: Operation): Error | undefined {
  if (!Object.hasOwn(vm.blocked_operations, op)) return undefined
  return fault('OPERATION_BLOCKED', ref, vm.blocked_operations[op] ?? '')
}

function stateProblem(db: Database, vm: Rows['VM'], ref: Ref<'VM'>, op: Operation): Error | undefined {
  const allowed = allowedStates(db, vm, op)
  if (allowed.includes(vm.power_state)) return undefined
  return fault(
    'VM_BAD_POWER_STATE',
    ref,
    allowed.map((state) => state.toLowerCase()).join(', '),
    vm.power_state.toLowerCase(),
  )
}

/** The power states in which a VM takes `op`. */
function allowedStates(db: Database, vm: Rows['VM'], op: Operation): readonly Enums['vm_power_state'][] {
  const rule = rules.powerStates[op]
  if (!rule) return []
  if (rule.alsoRunningIf && vm.is_control_domain) return [...rule.states, 'Running']
  if (rule.alsoSuspendedIf && (vm.is_a_snapshot || clonesSuspended(db))) return [...rule.states, 'Suspended']
  return rule.states
}

function clonesSuspended(db: Database): boolean {
  for (const { values } of db.rows('pool')) return values.other_config['allow_clone_suspended_vm'] === 'true'
  return false
}

function concurrencyProblem(vm: Rows['VM'], ref: Ref<'VM'>, op: Operation): Error | undefined {
  const current = Object.entries(vm.current_operations)
  if (
    current.length === 0 ||
    allowedTogether(
      op,
      current.map(([, other]) => other),
    )
  )
    return undefined
  return busy('VM', ref, current)
}

function allowedTogether(op: Operation, current: readonly Operation[]): boolean {
  const unless = rules.alwaysConcurrentUnless[op]
  if (unless) return !current.some((other) => unless.includes(other))
  if (rules.concurrentSets.some((set) => set.includes(op) && current.every((other) => set.includes(other)))) return true
  return current.every((other) =>
    rules.concurrentPairs.some(([a, b]) => (a === other && b === op) || (a === op && b === other)),
  )
}

function kindProblem(vm: Rows['VM'], ref: Ref<'VM'>, op: Operation): Error | undefined {
  // A snapshot is a template too, but only the rules of snapshots count for it.
  if (vm.is_a_template && !vm.is_a_snapshot && !templateAllows(vm, op)) {
    // A host sends the operation too, although the data model names one parameter.
    return new XapiError('VM_IS_TEMPLATE', [ref, op])
  }
  if (vm.is_a_snapshot && !rules.snapshotAllowed.includes(op)) return fault('VM_IS_SNAPSHOT', ref, op)
  if (op === 'provision' && !vm.is_a_template) return fault('PROVISION_ONLY_ALLOWED_ON_TEMPLATE')
  if (op === 'revert' && !vm.is_a_snapshot) return fault('REVERT_ONLY_ALLOWED_ON_SNAPSHOT')
  return undefined
}

function templateAllows(vm: Rows['VM'], op: Operation): boolean {
  if (rules.templateAllowed.includes(op)) return true
  const isDefault = vm.is_default_template || vm.other_config['default_template'] === 'true'
  return !isDefault && rules.templateAllowedIfNotDefault.includes(op)
}

function mobilityProblem(vm: Rows['VM'], ref: Ref<'VM'>, op: Operation): Error | undefined {
  if (moving.has(op) && vm.power_state !== 'Halted') {
    if (isOn(vm.platform['nomigrate'])) return fault('VM_IS_IMMOBILE', ref)
    if (isOn(vm.platform['nested-virt'])) return fault('VM_IS_USING_NESTED_VIRT', ref)
  }
  if (vm.is_control_domain && !controlDomain.has(op)) {
    return fault('OPERATION_NOT_ALLOWED', 'This operation is not allowed on a control domain')
  }
  return undefined
}

function isOn(flag: string | undefined): boolean {
  return flag === 'true' || flag === '1'
}

function guestProblem(db: Database, vm: Rows['VM'], ref: Ref<'VM'>, op: Operation, strict: boolean): Error | undefined {
  if (op === 'snapshot_with_quiesce') return fault('VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED', ref, '')
  const guest = db.find('VM_guest_metrics', vm.guest_metrics)
  const reason = guest?.other['data-cant-suspend-reason']
  if (moving.has(op) && vm.power_state === 'Running' && reason) return fault('VM_NON_SUSPENDABLE', ref, reason)
  if (vm.power_state !== 'Running' || !isHvm(vm) || hasPvDrivers(guest)) return undefined
  const lacks = (...features: string[]): boolean => !features.some((feature) => isOn(guest?.other[feature]))
  const refused =
    (op === 'clean_shutdown' && strict && lacks('feature-shutdown', 'feature-poweroff')) ||
    (op === 'clean_reboot' && strict && lacks('feature-shutdown', 'feature-reboot')) ||
    (op === 'changing_VCPUs_live' && lacks('feature-vcpu-hotplug')) ||
    (moving.has(op) && strict && lacks('feature-suspend'))
  return refused ? fault('VM_LACKS_FEATURE', ref) : undefined
}

/** Whether the VM runs with virtual hardware, not paravirtualised only. */
export function isHvm(vm: Rows['VM']): boolean {
  return vm.domain_type === 'unspecified' ? vm.HVM_boot_policy !== '' : vm.domain_type === 'hvm'
}

/** Whether the guest has paravirtual drivers: it says a major and minor version. */
export function hasPvDrivers(guest: Rows['VM_guest_metrics'] | undefined): boolean {
  return guest !== undefined && 'major' in guest.PV_drivers_version && 'minor' in guest.PV_drivers_version
}

function deviceProblem(db: Database, vm: Rows['VM'], ref: Ref<'VM'>, op: Operation): Error | undefined {
  if (keepsDiskState.has(op)) {
    for (const vbd of vm.VBDs) {
      const vdi = db.find('VDI', db.get('VBD', vbd).VDI)
      if (vdi?.on_boot === 'reset') return fault('VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION')
    }
  }
  const moves = moving.has(op) && vm.power_state !== 'Halted'
  if (moves && vm.attached_PCIs.size > 0) return fault('VM_HAS_PCI_ATTACHED', ref)
  if (moves && vm.VGPUs.size > 0 && op !== 'pool_migrate') return fault('VM_HAS_VGPU', ref)
  if ((moves || op === 'snapshot') && vm.VUSBs.size > 0) return fault('VM_HAS_VUSBS', ref)
  if (op === 'make_into_template' && db.find('VM_appliance', vm.appliance)) {
    return fault('VM_IS_PART_OF_AN_APPLIANCE', ref, vm.appliance)
  }
  if (op === 'create_vtpm' && vm.VTPMs.size > 0) return fault('VTPM_MAX_AMOUNT_REACHED', '1')
  return undefined
}
