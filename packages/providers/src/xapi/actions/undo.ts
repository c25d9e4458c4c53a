import { connectionErrors, type VmId } from '@nixen/api'
import { isXapiError, type Ref, type VMRecord } from '@nixen/xapi'
import type { UndoStep } from '../../action/actions.ts'
import { markInName } from '../protect/marks.ts'
import { refOf, type XapiContext } from './context.ts'
import { putBack as endMaintenance } from './maintenance.ts'
import { moveBack, putBack, type Drive, type MovedDisk } from './move-disk.ts'
import { removePifs } from './network.ts'
import { removeMarkedSr } from './storage.ts'
import { makingKey } from './vm/new-disk.ts'

type Undo = (context: XapiContext, data: UndoStep['data']) => Promise<void>

/** How each kind of step is taken back. Undoing what was never made, or is gone, is no error: a step may be undone twice. */
const steps: Readonly<Record<string, Undo>> = {
  'vm.bootOrder': async ({ xapi }, { vm, params }) => {
    await xapi.call('VM.set_HVM_boot_params', [vm, params], { session: true })
  },
  'vm.destroyMarked': async (context, { mark }) => await destroyMarked(context, String(mark)),
  'vm.destroyVms': async (context, { vms }) => {
    const disks = new Set<Ref<'VDI'>>()
    for (const vm of vms as readonly Ref<'VM'>[]) {
      try {
        await destroyVm(context, vm, { record: await context.xapi.client.VM.get_record(vm), disks })
      } catch (error) {
        if (!isXapiError(error, 'HANDLE_INVALID')) throw error
      }
    }
    for (const vdi of disks) await context.xapi.client.VDI.destroy(vdi)
  },
  'vm.start': async (context, { vm }) => {
    const { VM } = context.xapi.client
    const ref = await refOf(context, vm as VmId, 'VM')
    if ((await VM.get_power_state(ref)) === 'Halted') await VM.start(ref, false, false)
  },
  'vbd.destroyMarked': async ({ xapi }, { vm, mark }) => {
    const { VM, VBD } = xapi.client
    for (const ref of await VM.get_VBDs(vm as Ref<'VM'>)) {
      if ((await VBD.get_other_config(ref))[makingKey] !== mark) continue
      if (await VBD.get_currently_attached(ref)) await VBD.unplug(ref)
      await VBD.destroy(ref)
    }
  },
  'vif.destroyMarked': async ({ xapi }, { vm, mark }) => {
    const { VM, VIF } = xapi.client
    for (const ref of await VM.get_VIFs(vm as Ref<'VM'>)) {
      if ((await VIF.get_other_config(ref))[makingKey] !== mark) continue
      if (await VIF.get_currently_attached(ref)) await VIF.unplug(ref)
      await VIF.destroy(ref)
    }
  },
  'vdi.moveBack': async (context, data) => await moveBack(context, data as unknown as MovedDisk),
  'vbd.restore': async (context, { vdi, drives }) => {
    const original = vdi as Ref<'VDI'>
    await context.xapi.client.VDI.get_uuid(original)
    await putBack(context, { original, drives: drives as readonly Drive[] })
  },
  'vbd.plug': async ({ xapi }, { vm, vbd }) => {
    const { VM, VBD } = xapi.client
    const ref = vbd as Ref<'VBD'>
    const running = (await VM.get_power_state(vm as Ref<'VM'>)) === 'Running'
    if (running && !(await VBD.get_currently_attached(ref))) await VBD.plug(ref)
  },
  'vbd.media': async ({ xapi }, { vbd, vdi }) => {
    const ref = vbd as Ref<'VBD'>
    if (vdi !== null && (await xapi.client.VBD.get_empty(ref))) await xapi.client.VBD.insert(ref, vdi as Ref<'VDI'>)
  },
  'vif.plug': async ({ xapi }, { vm, vif }) => {
    const { VM, VIF } = xapi.client
    const ref = vif as Ref<'VIF'>
    const running = (await VM.get_power_state(vm as Ref<'VM'>)) === 'Running'
    if (running && !(await VIF.get_currently_attached(ref))) await VIF.plug(ref)
  },
  'vdi.trackChanges': async ({ xapi }, { vdis }) => {
    for (const vdi of vdis as readonly Ref<'VDI'>[]) {
      if (!(await xapi.client.VDI.get_cbt_enabled(vdi))) await xapi.client.VDI.enable_cbt(vdi)
    }
  },
  'vdi.destroyUnused': async ({ xapi }, { vdis }) => {
    const { VDI } = xapi.client
    for (const vdi of vdis as readonly Ref<'VDI'>[]) {
      try {
        // A disk that somebody has stays: its VM was not deleted, or another one got it.
        if ((await VDI.get_VBDs(vdi)).length === 0) await VDI.destroy(vdi)
      } catch (error) {
        if (!isXapiError(error, 'HANDLE_INVALID')) throw error
      }
    }
  },
  'pusb.release': async ({ xapi }, { pusb, passed }) => {
    const { PUSB, USB_group } = xapi.client
    const ref = pusb as Ref<'PUSB'>
    const group = await PUSB.get_USB_group(ref)
    const used = group !== null && (await USB_group.get_VUSBs(group)).length > 0
    if (passed !== true && !used) await PUSB.set_passthrough_enabled(ref, false)
  },
  'pbd.plug': async ({ xapi }, { pbds }) => {
    for (const pbd of pbds as readonly Ref<'PBD'>[]) {
      if (!(await xapi.client.PBD.get_currently_attached(pbd))) await xapi.client.PBD.plug(pbd)
    }
  },
  'sr.leaveMaintenance': async (context, { sr, pbds, vms, paused }) => {
    const [attached, stopped, halted] = [pbds, vms, paused] as readonly (readonly string[])[]
    const taken = { pbds: attached ?? [], vms: stopped ?? [], paused: halted ?? [] }
    await endMaintenance(context, { sr: sr as Ref<'SR'>, taken, start: true })
  },
  'pool.storages': async ({ xapi }, { pool, default_SR, suspend_image_SR, crash_dump_SR }) => {
    const ref = pool as Ref<'pool'>
    // Written down as they were; null for none.
    await xapi.client.pool.set_default_SR(ref, default_SR as Ref<'SR'> | null)
    await xapi.client.pool.set_suspend_image_SR(ref, suspend_image_SR as Ref<'SR'> | null)
    await xapi.client.pool.set_crash_dump_SR(ref, crash_dump_SR as Ref<'SR'> | null)
  },
  'pool.disableHa': async ({ xapi }, { pool }) => {
    if (await xapi.client.pool.get_ha_enabled(pool as Ref<'pool'>)) await xapi.client.pool.disable_ha()
  },
  'sr.removeMarked': async (context, { mark, erase }) =>
    await removeMarkedSr(context, { mark: String(mark), erase: erase === true }),
  'vdi.destroy': async ({ xapi }, { vdi }) => {
    const ref = vdi as Ref<'VDI'>
    // A disk that is in use is somebody's by now.
    if ((await xapi.client.VDI.get_VBDs(ref)).length === 0) await xapi.client.VDI.destroy(ref)
  },
  'sr.forget': async ({ xapi }, { uuid }) => {
    const { SR, PBD } = xapi.client
    const ref = await SR.get_by_uuid(String(uuid))
    for (const pbd of await SR.get_PBDs(ref)) {
      if (await PBD.get_currently_attached(pbd)) await PBD.unplug(pbd)
    }
    await SR.forget(ref)
  },
  'host.enable': async ({ xapi }, { host }) => {
    const ref = host as Ref<'host'>
    if (!(await xapi.client.host.get_enabled(ref))) await xapi.client.host.enable(ref)
  },
  'host.resume': async ({ xapi }, { host, vms }) => {
    const ref = host as Ref<'host'>
    if (!(await xapi.client.host.get_enabled(ref))) await xapi.client.host.enable(ref)
    for (const vm of vms as readonly Ref<'VM'>[]) {
      const power = await xapi.client.VM.get_power_state(vm)
      if (power === 'Suspended') await xapi.client.VM.resume_on(vm, ref, false, false)
      // What could not be suspended was shut down.
      if (power === 'Halted') await xapi.client.VM.start_on(vm, ref, false, false)
    }
  },
  'pool.enableHa': async ({ xapi }, { pool, storages, failures }) => {
    const ref = pool as Ref<'pool'>
    if (await xapi.client.pool.get_ha_enabled(ref)) return
    await xapi.client.pool.enable_ha(storages as readonly Ref<'SR'>[], {})
    await xapi.client.pool.set_ha_host_failures_to_tolerate(ref, Number(failures))
  },
  'network.destroy': async (context, { network }) => {
    const ref = network as Ref<'network'>
    await removePifs(context, ref)
    await context.xapi.client.network.destroy(ref)
  },
}

/**
 * Removes VMs whose name bears the mark, with the disks they had when they were cloned or got since, and disks that were made and not
 * attached yet. A disk goes only when it was made for this VM, or is attached to it alone.
 */
async function destroyMarked(context: XapiContext, mark: string): Promise<void> {
  const { VM, VDI } = context.xapi.client
  const disks = new Set<Ref<'VDI'>>()
  for (const [vm, record] of await VM.get_all_records()) {
    if (markInName(record.name_label) !== mark || record.is_a_snapshot) continue
    await destroyVm(context, vm, { record, disks })
  }
  for (const [vdi, record] of await VDI.get_all_records()) {
    if (record.other_config[makingKey] === mark) disks.add(vdi)
  }
  for (const vdi of disks) await VDI.destroy(vdi)
}

/** Removes a VM, and adds to `disks` those that are attached to it alone. */
async function destroyVm(
  { xapi }: XapiContext,
  vm: Ref<'VM'>,
  { record, disks }: { readonly record: VMRecord; readonly disks: Set<Ref<'VDI'>> },
): Promise<void> {
  const { VM, VBD, VDI } = xapi.client
  for (const vbd of record.VBDs) {
    const { type, VDI: vdi } = await VBD.get_record(vbd)
    if (type === 'Disk' && vdi && (await VDI.get_VBDs(vdi)).length === 1) disks.add(vdi)
  }
  if (record.power_state !== 'Halted') await VM.hard_shutdown(vm)
  await VM.destroy(vm)
}

/** Takes back what a step made. @throws connection.unsupported for a step of a newer version, what the host refuses with */
export async function undoStep(context: XapiContext, { kind, data }: UndoStep): Promise<void> {
  const undo = steps[kind]
  if (!undo) {
    throw connectionErrors.unsupported({ action: `Undoing ${kind}`, reason: 'this version does not know the step.' })
  }
  try {
    await undo(context, data)
  } catch (error) {
    if (isXapiError(error, 'HANDLE_INVALID') || isXapiError(error, 'UUID_INVALID')) return
    throw error
  }
}
