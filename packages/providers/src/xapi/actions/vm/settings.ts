import { connectionErrors, type ActionRequest, type Actions } from '@nixen/api'
import type { Ref } from '@nixen/xapi'
import type { ProviderActions } from '../../../action/actions.ts'
import { operationsOf } from '../../model/fields.ts'
import { fieldPrefix, notesKey } from '../../vm/vm-record.ts'
import { refOf, withKeys, type XapiContext } from '../context.ts'

type Settings = Pick<
  ProviderActions['vm'],
  | 'update'
  | 'setCpus'
  | 'setMemory'
  | 'setBoot'
  | 'setFirmware'
  | 'setVirtualization'
  | 'setSecureBoot'
  | 'addTpm'
  | 'removeTpm'
>

/** Options of VMs. */
export function vmSettings(context: XapiContext): Settings {
  const { VM, VTPM } = context.xapi.client
  return {
    async update({ id, ...changes }) {
      await updateVm(context, await refOf(context, id, 'VM'), changes)
    },
    async setCpus({ id, ...wanted }) {
      await setCpus(context, await refOf(context, id, 'VM'), wanted)
    },
    async setMemory({ id, ...wanted }) {
      await setMemory(context, await refOf(context, id, 'VM'), wanted)
    },
    async setBoot({ id, order }) {
      const vm = await refOf(context, id, 'VM')
      if (!order) return
      const letters = order.map((device) => bootLetters[device]).join('')
      await VM.set_HVM_boot_params(vm, withKeys(await VM.get_HVM_boot_params(vm), { order: letters }))
    },
    async setFirmware({ id, firmware }) {
      const vm = await refOf(context, id, 'VM')
      await VM.set_HVM_boot_params(vm, withKeys(await VM.get_HVM_boot_params(vm), { firmware }))
    },
    async setVirtualization({ id, mode }) {
      const vm = await refOf(context, id, 'VM')
      await VM.set_domain_type(vm, mode)
    },
    async setSecureBoot({ id, on, keys }) {
      const vm = await refOf(context, id, 'VM')
      if (keys !== undefined) await VM.set_uefi_mode(vm, keys)
      await VM.set_platform(vm, withKeys(await VM.get_platform(vm), { secureboot: String(on) }))
    },
    async addTpm({ id }) {
      await VTPM.create(await refOf(context, id, 'VM'), false)
    },
    async removeTpm({ id }) {
      for (const vtpm of await VM.get_VTPMs(await refOf(context, id, 'VM'))) await VTPM.destroy(vtpm)
    },
  }
}

/** Letters of `HVM_boot_params:order`. */
export const bootLetters = { disk: 'c', cd: 'd', network: 'n' } as const

type Changes = Omit<ActionRequest<Actions['vm']['update']>, 'id'>

/** Sets the options that are given. */
export async function updateVm(context: XapiContext, vm: Ref<'VM'>, changes: Changes): Promise<void> {
  const { VM } = context.xapi.client
  const { name, description, tags, startOrder, startDelay, shutdownDelay, homeHost, ha } = changes
  if (name !== undefined) await VM.set_name_label(vm, name)
  if (description !== undefined) await VM.set_name_description(vm, description)
  if (tags !== undefined) await VM.set_tags(vm, [...new Set(tags)])
  if (ha !== undefined) await VM.set_ha_restart_priority(vm, ha === 'off' ? '' : ha)
  if (startOrder !== undefined) await VM.set_order(vm, startOrder)
  if (startDelay !== undefined) await VM.set_start_delay(vm, startDelay)
  if (shutdownDelay !== undefined) await VM.set_shutdown_delay(vm, shutdownDelay)
  if (homeHost !== undefined) {
    await VM.set_affinity(vm, homeHost === null ? null : await refOf(context, homeHost, 'host'))
  }
  await updateMaps(context, vm, changes)
  await updateEnds(context, vm, changes)
  await updateGuest(context, vm, changes)
  await updateBlocked(context, vm, changes.blocked ?? {})
}

/** What XAPI keeps in maps: keys that are not ours stay as they are. */
async function updateMaps({ xapi }: XapiContext, vm: Ref<'VM'>, changes: Changes): Promise<void> {
  const { VM, pool } = xapi.client
  const {
    notes,
    fields = {},
    autoStart,
    cpuWeight,
    cpuCap,
    videoMemory,
    videoCard,
    nested,
    cpuMask,
    nicType,
    viridian,
    serial,
  } = changes
  const config: Record<string, string | undefined> = {}
  if (notes !== undefined) config[notesKey] = notes === '' ? undefined : notes
  for (const [key, value] of Object.entries(fields)) config[`${fieldPrefix}${key}`] = value ?? undefined
  if (autoStart !== undefined) config['auto_poweron'] = autoStart ? 'true' : undefined
  if (Object.keys(config).length > 0) await VM.set_other_config(vm, withKeys(await VM.get_other_config(vm), config))
  if (autoStart === true) {
    // Without this key on the pool no VM of it is started with its host.
    for (const [ref, { other_config: own }] of await pool.get_all_records()) {
      if (own['auto_poweron'] !== 'true') await pool.set_other_config(ref, withKeys(own, { auto_poweron: 'true' }))
    }
  }
  const params: Record<string, string | undefined> = {}
  if (cpuWeight !== undefined) params['weight'] = String(cpuWeight)
  if (cpuCap !== undefined) params['cap'] = String(cpuCap)
  if (cpuMask !== undefined) params['mask'] = cpuMask === null ? undefined : cpuMask.join(',')
  if (Object.keys(params).length > 0) await VM.set_VCPUs_params(vm, withKeys(await VM.get_VCPUs_params(vm), params))
  const platform: Record<string, string> = {}
  if (videoMemory !== undefined) platform['videoram'] = String(videoMemory)
  if (videoCard !== undefined) platform['vga'] = videoCard
  if (nicType !== undefined) platform['nic_type'] = nicType
  if (viridian !== undefined) platform['viridian'] = String(viridian)
  if (serial !== undefined) platform['hvm_serial'] = serial
  // XCP-ng 8.3 reads the one, older hosts the other.
  if (nested !== undefined) Object.assign(platform, { 'nested-virt': String(nested), 'exp-nested-hvm': String(nested) })
  if (Object.keys(platform).length > 0) await VM.set_platform(vm, withKeys(await VM.get_platform(vm), platform))
}

async function updateEnds({ xapi }: XapiContext, vm: Ref<'VM'>, changes: Changes): Promise<void> {
  const { VM } = xapi.client
  const { afterShutdown, afterReboot, afterCrash } = changes
  const normal = { off: 'destroy', restart: 'restart' } as const
  if (afterShutdown !== undefined) await VM.set_actions_after_shutdown(vm, normal[afterShutdown])
  if (afterReboot !== undefined) await VM.set_actions_after_reboot(vm, normal[afterReboot])
  const crash = { off: 'destroy', restart: 'restart', preserve: 'preserve' } as const
  if (afterCrash !== undefined) await VM.set_actions_after_crash(vm, crash[afterCrash])
}

/** What the guest itself reads or gets. */
async function updateGuest(context: XapiContext, vm: Ref<'VM'>, changes: Changes): Promise<void> {
  const { VM } = context.xapi.client
  const { windowsDrivers, kernelArgs, suspendStorage, guestData = {} } = changes
  if (windowsDrivers !== undefined) await VM.set_has_vendor_device(vm, windowsDrivers)
  if (kernelArgs !== undefined) await VM.set_PV_args(vm, kernelArgs)
  if (suspendStorage !== undefined) {
    await VM.set_suspend_SR(vm, suspendStorage === null ? null : await refOf(context, suspendStorage, 'SR'))
  }
  const entries = Object.entries(guestData).map(([key, value]) => [`vm-data/${key}`, value ?? undefined] as const)
  if (entries.length === 0) return
  const data = withKeys(await VM.get_xenstore_data(vm), Object.fromEntries(entries))
  await VM.set_xenstore_data(vm, data)
}

/** An action of ours is one or several operations of XAPI: all of them are forbidden. */
async function updateBlocked(
  { xapi }: XapiContext,
  vm: Ref<'VM'>,
  blocked: Readonly<Record<string, string | null>>,
): Promise<void> {
  if (Object.keys(blocked).length === 0) return
  const { VM } = xapi.client
  const now: Record<string, string> = { ...(await VM.get_blocked_operations(vm)) }
  for (const [action, reason] of Object.entries(blocked)) {
    for (const operation of operationsOf(action)) {
      if (reason === null) delete now[operation]
      else now[operation] = reason
    }
  }
  await VM.set_blocked_operations(vm, now)
}

/** Sets processors; those of a running VM up to its maximum. */
export async function setCpus(
  { xapi }: XapiContext,
  vm: Ref<'VM'>,
  { count, max, perSocket }: Omit<ActionRequest<Actions['vm']['setCpus']>, 'id'>,
): Promise<void> {
  const { VM } = xapi.client
  const { VCPUs_max, VCPUs_at_startup, power_state, platform } = await VM.get_record(vm)
  if (power_state !== 'Halted') {
    if (max !== undefined || perSocket !== undefined) {
      throw connectionErrors.unsupported({ action: 'Setting the maximum', reason: 'the VM must be halted for it.' })
    }
    if (count !== undefined) await VM.set_VCPUs_number_live(vm, count)
    return
  }
  const start = count ?? Math.min(VCPUs_at_startup, max ?? Infinity)
  const most = max ?? Math.max(start, count === undefined ? VCPUs_max : start)
  if (start > most) {
    throw connectionErrors.unsupported({
      action: 'Setting them',
      reason: `${start} are more than the maximum, ${most}.`,
    })
  }
  // At no moment may there be more to start with than the maximum.
  if (most >= VCPUs_at_startup) {
    await VM.set_VCPUs_max(vm, most)
    await VM.set_VCPUs_at_startup(vm, start)
  } else {
    await VM.set_VCPUs_at_startup(vm, start)
    await VM.set_VCPUs_max(vm, most)
  }
  if (perSocket !== undefined) {
    await VM.set_platform(vm, withKeys(platform, { 'cores-per-socket': String(perSocket) }))
  }
}

/** Sets the memory; that of a running VM up to its maximum. */
export async function setMemory(
  { xapi }: XapiContext,
  vm: Ref<'VM'>,
  { size, min, max }: Omit<ActionRequest<Actions['vm']['setMemory']>, 'id'>,
): Promise<void> {
  const { VM } = xapi.client
  const record = await VM.get_record(vm)
  const dynamicMax = size ?? Math.min(record.memory_dynamic_max, max ?? Infinity)
  const dynamicMin = min ?? (size === undefined ? Math.min(record.memory_dynamic_min, dynamicMax) : size)
  if (dynamicMin > dynamicMax) {
    throw connectionErrors.unsupported({ action: 'Setting it', reason: 'the lowest memory is more than the size.' })
  }
  if (record.power_state !== 'Halted') {
    if (max !== undefined) {
      throw connectionErrors.unsupported({ action: 'Setting the maximum', reason: 'the VM must be halted for it.' })
    }
    await VM.set_memory_dynamic_range(vm, dynamicMin, dynamicMax)
    return
  }
  const staticMax = max ?? (size === undefined ? record.memory_static_max : size)
  const staticMin = Math.min(record.memory_static_min, dynamicMin)
  await VM.set_memory_limits(vm, staticMin, Math.max(staticMax, dynamicMax), dynamicMin, dynamicMax)
}
