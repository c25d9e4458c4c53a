import { connectionErrors, type VmId } from '@nixen/api'
import { isXapiError, type Ref } from '@nixen/xapi'
import type { UndoStep } from '../../action/actions.ts'
import { markInName } from '../protect/marks.ts'
import { refOf, type XapiContext } from './context.ts'
import { removePifs } from './network.ts'
import { makingKey } from './vm/new-disk.ts'

type Undo = (context: XapiContext, data: UndoStep['data']) => Promise<void>

/** How each kind of step is taken back. Undoing what was never made, or is gone, is no error: a step may be undone twice. */
const steps: Readonly<Record<string, Undo>> = {
  'vm.bootOrder': async ({ xapi }, { vm, params }) => {
    await xapi.call('VM.set_HVM_boot_params', [vm, params], { session: true })
  },
  'vm.destroyMarked': async (context, { mark }) => await destroyMarked(context, String(mark)),
  'vm.start': async (context, { vm }) => {
    const { VM } = context.xapi.client
    const ref = await refOf(context, vm as VmId, 'VM')
    if ((await VM.get_power_state(ref)) === 'Halted') await VM.start(ref, false, false)
  },
  'vbd.destroy': async ({ xapi }, { vbd }) => {
    const ref = vbd as Ref<'VBD'>
    if (await xapi.client.VBD.get_currently_attached(ref)) await xapi.client.VBD.unplug(ref)
    await xapi.client.VBD.destroy(ref)
  },
  'vif.destroy': async ({ xapi }, { vif }) => {
    const ref = vif as Ref<'VIF'>
    if (await xapi.client.VIF.get_currently_attached(ref)) await xapi.client.VIF.unplug(ref)
    await xapi.client.VIF.destroy(ref)
  },
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
      if ((await xapi.client.VM.get_power_state(vm)) === 'Suspended')
        await xapi.client.VM.resume_on(vm, ref, false, false)
    }
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
async function destroyMarked({ xapi }: XapiContext, mark: string): Promise<void> {
  const { VM, VBD, VDI } = xapi.client
  const disks = new Set<Ref<'VDI'>>()
  for (const [vm, record] of await VM.get_all_records()) {
    if (markInName(record.name_label) !== mark || record.is_a_snapshot) continue
    for (const vbd of record.VBDs) {
      const { type, VDI: vdi } = await VBD.get_record(vbd)
      if (type === 'Disk' && vdi && (await VDI.get_VBDs(vdi)).length === 1) disks.add(vdi)
    }
    if (record.power_state !== 'Halted') await VM.hard_shutdown(vm)
    await VM.destroy(vm)
  }
  for (const [vdi, record] of await VDI.get_all_records()) {
    if (record.other_config[makingKey] === mark) disks.add(vdi)
  }
  for (const vdi of disks) await VDI.destroy(vdi)
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
