import type { AnyHandler, MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { ClassName, Ref } from '../generated/rows.ts'
import { dataModel } from '../model/model.ts'

/** Setters that the data model calls special because a host does more than write the row; here the row is all there is. */
const fields: Partial<Record<ClassName, readonly string[]>> = {
  VM: [
    'other_config',
    'platform',
    'blocked_operations',
    'NVRAM',
    'ha_always_run',
    'bios_strings',
    'start_delay',
    'shutdown_delay',
    'order',
    'suspend_VDI',
    'appliance',
    'groups',
    'snapshot_schedule',
    'has_vendor_device',
    'actions_after_crash',
    'domain_type',
    'HVM_boot_policy',
    'HVM_shadow_multiplier',
  ],
  VDI: [
    'name_label',
    'name_description',
    'sharable',
    'read_only',
    'managed',
    'missing',
    'on_boot',
    'allow_caching',
    'metadata_of_pool',
    'virtual_size',
    'physical_utilisation',
  ],
  SR: ['name_label', 'name_description', 'physical_size', 'virtual_allocation', 'physical_utilisation', 'shared'],
  VBD: ['mode'],
  PBD: ['device_config'],
  PIF: ['primary_address_type', 'disallow_unplug'],
  network: ['default_locking_mode', 'purpose'],
  host: [
    'license_params',
    'ssl_legacy',
    'iscsi_iqn',
    'multipathing',
    'uefi_certificates',
    'https_only',
    'numa_affinity_policy',
    'max_cstate',
    'ntp_mode',
    'ntp_custom_servers',
    'timezone',
    'console_idle_timeout',
    'ssh_enabled_timeout',
    'ssh_auto_mode',
  ],
  pool: [
    'vswitch_controller',
    'igmp_snooping_enabled',
    'repositories',
    'uefi_certificates',
    'custom_uefi_certificates',
    'telemetry_next_collection',
    'update_sync_enabled',
    'local_auth_max_threads',
    'ext_auth_max_threads',
    'ext_auth_cache_enabled',
    'ext_auth_cache_size',
    'ext_auth_cache_expiry',
    'guest_agent_config',
    'limit_console_sessions',
  ],
}

/** `set_x`, `add_to_x` and `remove_from_x` of those fields, as far as the data model has them. */
export function plainSetters(): MethodSet[] {
  const model = dataModel()
  return Object.entries(fields).map(([cls, names]) => {
    const handlers: Record<string, AnyHandler> = {}
    for (const name of names) {
      for (const [prefix, make] of [
        ['set_', setField],
        ['add_to_', addTo],
        ['remove_from_', removeFrom],
      ] as const) {
        if (model.messages.get(`${cls}.${prefix}${name}`)?.kind === 'custom')
          handlers[prefix + name] = make(cls as ClassName, name)
      }
    }
    return { cls, handlers }
  })
}

function setField(cls: ClassName, name: string): AnyHandler {
  return ({ db }, self, value) => {
    const { ref } = db.row(cls, self as Ref<ClassName>)
    db.update(ref, { [name]: value })
  }
}

function addTo(cls: ClassName, name: string): AnyHandler {
  return ({ db }, self, key, value) => {
    const { ref, values } = db.row(cls, self as Ref<ClassName>)
    const map = (values as unknown as Record<string, Readonly<Record<string, unknown>>>)[name] ?? {}
    if (Object.hasOwn(map, String(key))) throw fault('MAP_DUPLICATE_KEY', cls, name, ref, String(key))
    db.update(ref, { [name]: Object.fromEntries([...Object.entries(map), [String(key), value]]) })
  }
}

function removeFrom(cls: ClassName, name: string): AnyHandler {
  return ({ db }, self, key) => {
    const { ref, values } = db.row(cls, self as Ref<ClassName>)
    const map = (values as unknown as Record<string, Readonly<Record<string, unknown>>>)[name] ?? {}
    db.update(ref, { [name]: Object.fromEntries(Object.entries(map).filter(([other]) => other !== key)) })
  }
}
