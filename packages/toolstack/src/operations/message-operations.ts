import type { Enums } from '../generated/rows.ts'

type VmOperation = Enums['vm_operations']

const same = <T extends string>(...names: readonly T[]): Record<string, T> =>
  Object.fromEntries(names.map((name) => [name, name]))

const vm: Record<string, VmOperation> = {
  ...same<VmOperation>(
    'snapshot',
    'snapshot_with_quiesce',
    'clone',
    'copy',
    'revert',
    'checkpoint',
    'provision',
    'start',
    'start_on',
    'pause',
    'unpause',
    'clean_shutdown',
    'clean_reboot',
    'hard_shutdown',
    'hard_reboot',
    'power_state_reset',
    'suspend',
    'resume',
    'resume_on',
    'pool_migrate',
    'migrate_send',
    'send_sysrq',
    'send_trigger',
    'call_plugin',
    'shutdown',
    'destroy',
    'get_boot_record',
  ),
  set_VCPUs_max: 'changing_VCPUs',
  set_VCPUs_at_startup: 'changing_VCPUs',
  set_VCPUs_number_live: 'changing_VCPUs_live',
  add_to_VCPUs_params_live: 'changing_VCPUs_live',
  set_memory_dynamic_max: 'changing_dynamic_range',
  set_memory_dynamic_min: 'changing_dynamic_range',
  set_memory_dynamic_range: 'changing_dynamic_range',
  set_memory_static_max: 'changing_static_range',
  set_memory_static_min: 'changing_static_range',
  set_memory_static_range: 'changing_static_range',
  set_memory_limits: 'changing_memory_limits',
  set_memory: 'changing_memory_limits',
  set_memory_target_live: 'changing_memory_live',
  wait_memory_target_live: 'awaiting_memory_live',
  set_HVM_shadow_multiplier: 'changing_shadow_memory',
  set_shadow_multiplier_live: 'changing_shadow_memory_live',
  set_NVRAM: 'changing_NVRAM',
  add_to_NVRAM: 'changing_NVRAM',
  remove_from_NVRAM: 'changing_NVRAM',
}

/** For each class, the operation that a message is; the object is the message's first parameter. */
export const messageOperations: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  VM: vm,
  VDI: {
    ...same('snapshot', 'clone', 'copy', 'resize', 'resize_online', 'destroy', 'forget', 'update', 'generate_config'),
    ...same('enable_cbt', 'disable_cbt', 'data_destroy', 'list_changed_blocks', 'set_on_boot'),
  },
  VBD: same('eject', 'insert', 'plug', 'unplug', 'unplug_force'),
  VIF: { ...same('plug', 'unplug'), unplug_force: 'unplug' },
  SR: same('scan', 'destroy', 'forget', 'update'),
  host: same('evacuate', 'reboot', 'shutdown', 'power_on'),
}
