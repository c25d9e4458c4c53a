import type { ActionTask, ProviderActions } from '../../action/actions.ts'
import type { Ref } from '@nixen/xapi'
import { follow, idOf, refOf, type XapiContext } from './context.ts'
import { drivesOf, moveDisk } from './move-disk.ts'
import { stopTracking } from './stop-tracking.ts'

/** What can be done with disks. */
export function diskActions(context: XapiContext): ProviderActions['disk'] {
  const { VDI, VM, VBD } = context.xapi.client
  const calls = context.xapi.client.async.VDI
  const made = async (ref: string) => ({ made: [await idOf(context, 'disk', { className: 'VDI', ref })] })
  return {
    async create({ storage, name, size, description, shareable }, task) {
      const call = calls.create({
        name_label: name,
        name_description: description,
        SR: await refOf(context, storage, 'SR'),
        virtual_size: size,
        type: 'user',
        sharable: shareable,
        read_only: false,
        other_config: {},
      })
      return await made(await follow(context, call, task))
    },
    async update({ id, name, description, tags }) {
      const ref = await refOf(context, id, 'VDI')
      if (name !== undefined) await VDI.set_name_label(ref, name)
      if (description !== undefined) await VDI.set_name_description(ref, description)
      if (tags !== undefined) await VDI.set_tags(ref, [...new Set(tags)])
    },
    async resize({ id, size }, task) {
      await follow(context, calls.resize(await refOf(context, id, 'VDI'), size), task)
    },
    async snapshot({ id }, task) {
      return await made(await follow(context, calls.snapshot(await refOf(context, id, 'VDI')), task))
    },
    async clone({ id, name }, task) {
      const vdi = await refOf(context, id, 'VDI')
      const wanted = name ?? `${await VDI.get_name_label(vdi)} (copy)`
      return await made(
        await named(context, { vdi: await follow(context, calls.clone(vdi), task), name: wanted }, task),
      )
    },
    async copy({ id, storage, name }, task) {
      const vdi = await refOf(context, id, 'VDI')
      const wanted = name ?? `${await VDI.get_name_label(vdi)} (copy)`
      const copy = await follow(context, calls.copy(vdi, await refOf(context, storage, 'SR')), task)
      return await made(await named(context, { vdi: copy, name: wanted }, task))
    },
    /** While a VM runs from it the host moves it live; otherwise it is copied whole, then its drives are moved over, then the original goes. */
    async migrate({ id, storage }, task) {
      const vdi = await refOf(context, id, 'VDI')
      const sr = await refOf(context, storage, 'SR')
      const tracking = await stopTracking(context, [vdi], task)
      const vbds = await VDI.get_VBDs(vdi)
      const states = await Promise.all(vbds.map(async (vbd) => await VM.get_power_state(await VBD.get_VM(vbd))))
      if (states.includes('Running')) {
        const moved = await follow(context, calls.pool_migrate(vdi, sr, {}), task)
        await tracking.forget()
        return await made(moved)
      }
      const moved = await moveDisk(context, { vdi, sr }, task)
      await tracking.forget()
      return await made(moved)
    },
    async trackChanges({ id, on }, task) {
      const ref = await refOf(context, id, 'VDI')
      await follow(context, on ? calls.enable_cbt(ref) : calls.disable_cbt(ref), task)
    },
    async delete({ id }, task) {
      const ref = await refOf(context, id, 'VDI')
      const vbds = await VDI.get_VBDs(ref)
      const drives = await drivesOf(context, vbds)
      const data = { vdi: ref, drives }
      const undo = await task.undo({ kind: 'vbd.restore', what: 'Attach the disk again', data })
      // Drives of halted VMs that still name it would be left empty.
      for (const vbd of vbds) await VBD.destroy(vbd)
      await follow(context, calls.destroy(ref), task)
      await undo.forget()
    },
  }
}

/** Gives a copy that was just made its name; one that does not get it goes. */
async function named(
  { xapi }: XapiContext,
  { vdi, name }: { readonly vdi: Ref<'VDI'>; readonly name: string },
  task: ActionTask,
): Promise<Ref<'VDI'>> {
  const undo = await task.undo({ kind: 'vdi.destroy', what: `Remove the half-made disk ${name}`, data: { vdi } })
  await xapi.client.VDI.set_name_label(vdi, name)
  await undo.forget()
  return vdi
}
