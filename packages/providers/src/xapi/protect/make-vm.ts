import { parseId } from '@nixen/api'
import { messageOf } from '@nixen/core'
import { isXapiError, type Ref, type VMCreate } from '@nixen/xapi'
import type { ProtectNote } from '../../protect/freeze.ts'
import type { RestorePlan } from '../../protect/restore.ts'
import { callsOf, type ProtectContext, type Stoppable } from './context.ts'
import { lineageKey, ownerKey, restoringKey, withMarks } from './marks.ts'
import { NativeRecord, nativeRecords } from './native-record.ts'

export interface NewVm {
  readonly plan: RestorePlan
  /** The name that it has until it is complete. */
  readonly name: string
  readonly mark: string
  readonly owner: string
  /** The disk with its memory, which must exist by now. */
  readonly memory: Ref<'VDI'> | undefined
}

/** What is blocked while a VM is incomplete. */
const blocked = ['start', 'start_on', 'resume', 'resume_on', 'clone', 'copy', 'snapshot', 'export', 'destroy'] as const

/** What `VM.blocked_operations` says until a restore is complete; `destroy` stays possible, for undoing it. */
export function blockedWhileRestoring(name: string): Record<string, string> {
  const text = `Nixen is restoring ${name}, and not all of it is there yet.`
  return Object.fromEntries(
    blocked.filter((operation) => operation !== 'destroy').map((operation) => [operation, text]),
  )
}

/** What of a VM's `blocked_operations` is not of a restore. */
export function withoutRestoring(operations: Readonly<Partial<Record<string, string>>>): Record<string, string> {
  const ours = (text: string): boolean => text.startsWith('Nixen is restoring ')
  return Object.fromEntries(
    Object.entries(operations).filter((entry): entry is [string, string] => entry[1] !== undefined && !ours(entry[1])),
  )
}

/** Makes the VM of a config, without disks, so that it can't be started. */
export async function makeVm(context: ProtectContext, vm: NewVm, options: Stoppable = {}): Promise<Ref<'VM'>> {
  return await callsOf(context, options).VM.create(createRecord(vm))
}

function createRecord({ plan, name, mark, owner, memory }: NewVm): VMCreate {
  const { config, identity, addTags = [] } = plan.request
  const native = new NativeRecord(config.native['vm'])
  const same = identity.kind === 'same'
  const { [lineageKey]: _lineage, mac_seed, ...other } = native.map('other_config')
  const kept = same && mac_seed !== undefined ? { ...other, mac_seed } : other
  const fields = {
    name_label: name,
    name_description: config.description,
    user_version: native.number('user_version', 1),
    is_a_template: native.flag('is_a_template'),
    affinity: null,
    memory_static_max: native.number('memory_static_max', config.memory),
    memory_dynamic_max: native.number('memory_dynamic_max', config.memory),
    memory_dynamic_min: native.number('memory_dynamic_min', config.memory),
    memory_static_min: native.number('memory_static_min'),
    VCPUs_params: native.map('VCPUs_params'),
    VCPUs_max: native.number('VCPUs_max', config.cpus),
    VCPUs_at_startup: native.number('VCPUs_at_startup', config.cpus),
    actions_after_shutdown: native.text('actions_after_shutdown', 'destroy'),
    actions_after_reboot: native.text('actions_after_reboot', 'restart'),
    actions_after_crash: native.text('actions_after_crash', 'restart'),
    PV_bootloader: native.text('PV_bootloader'),
    PV_kernel: native.text('PV_kernel'),
    PV_ramdisk: native.text('PV_ramdisk'),
    PV_args: native.text('PV_args'),
    PV_bootloader_args: native.text('PV_bootloader_args'),
    PV_legacy_args: native.text('PV_legacy_args'),
    HVM_boot_policy: native.text('HVM_boot_policy'),
    HVM_boot_params: native.map('HVM_boot_params'),
    HVM_shadow_multiplier: native.number('HVM_shadow_multiplier', 1),
    platform: native.map('platform'),
    PCI_bus: native.text('PCI_bus'),
    other_config: withMarks(kept, { [restoringKey]: mark, [ownerKey]: owner }),
    recommendations: native.text('recommendations'),
    xenstore_data: native.map('xenstore_data'),
    ha_restart_priority: '',
    tags: [...new Set([...config.tags, ...addTags])],
    blocked_operations: blockedWhileRestoring(plan.name),
    start_delay: native.number('start_delay'),
    shutdown_delay: native.number('shutdown_delay'),
    order: native.number('order'),
    generation_id: same ? native.text('generation_id') : '',
    hardware_platform_version: native.number('hardware_platform_version'),
    has_vendor_device: native.flag('has_vendor_device'),
    reference_label: native.text('reference_label'),
    domain_type: native.text('domain_type', 'unspecified'),
    NVRAM: native.map('NVRAM'),
    ...(memory === undefined ? {} : { power_state: 'Suspended', suspend_VDI: memory }),
    ...(memory === undefined ? {} : { last_booted_record: native.text('last_booted_record') }),
  }
  // The texts of enums are what a host has told; one that this host does not know it refuses itself.
  return fields as VMCreate
}

/** Plugs the CD drives (empty), NICs and vTPMs of a config into a new VM. */
export async function addDevices(
  context: ProtectContext,
  vm: Ref<'VM'>,
  { plan, notes, signal }: Stoppable & { plan: RestorePlan; notes: ProtectNote[] },
): Promise<void> {
  const { native } = plan.request.config
  const calls = callsOf(context, { signal })
  const qos = { qos_algorithm_type: '', qos_algorithm_params: {} }
  for (const vbd of nativeRecords(native['vbds'])) {
    if (vbd.text('type') !== 'CD') continue
    const userdevice = vbd.text('userdevice', 'autodetect')
    const drive = {
      VM: vm,
      VDI: null,
      userdevice,
      bootable: vbd.flag('bootable'),
      other_config: vbd.map('other_config'),
    }
    await calls.VBD.create({ ...drive, mode: 'RO', type: 'CD', empty: true, ...qos })
  }
  const vifs = nativeRecords(native['vifs'])
  for (const { nic, network, mac } of plan.nics) {
    if (!network) continue
    const ref = await calls.network.get_by_uuid(parseId(network.id)?.key ?? '')
    const vif = vifs.find((record) => record.text('device') === nic.position) ?? new NativeRecord({})
    await calls.VIF.create({
      VM: vm,
      device: nic.position,
      network: ref,
      MAC: mac === 'keep' ? nic.mac : '',
      MTU: nic.mtu,
      other_config: vif.map('other_config'),
      qos_algorithm_type: vif.text('qos_algorithm_type'),
      qos_algorithm_params: vif.map('qos_algorithm_params'),
      // As above: the text of an enum.
      locking_mode: vif.text('locking_mode', 'network_default') as 'network_default',
      ipv4_allowed: vif.texts('ipv4_allowed'),
      ipv6_allowed: vif.texts('ipv6_allowed'),
    })
  }
  await addTpms(context, vm, { list: native['vtpms'], notes, signal })
}

async function addTpms(
  context: ProtectContext,
  vm: Ref<'VM'>,
  { list, notes, signal }: Stoppable & { list: unknown; notes: ProtectNote[] },
): Promise<void> {
  const { VTPM } = callsOf(context, { signal })
  for (const tpm of nativeRecords(list)) {
    try {
      const ref = await VTPM.create(vm, tpm.flag('unique'))
      const contents = tpm.text('contents')
      if (contents !== '') await VTPM.set_contents(ref, contents)
    } catch (error) {
      if (!isXapiError(error)) throw error
      const text = `The vTPM was not restored (${messageOf(error)}): what is sealed with it can't be opened in this VM.`
      notes.push({ code: 'tpm-not-restored', text })
    }
  }
}
