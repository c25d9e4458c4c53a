import { systemRandom } from '@nixen/core'
import type { Ref, TaskRef } from '@nixen/xapi'
import type { ActionTask, ProviderActions } from '../../action/actions.ts'
import { markedName, newMark } from '../protect/marks.ts'
import { follow, idOf, refOf, type XapiContext } from './context.ts'
import { destroyVm } from './vm/destroy.ts'

/** What can be done with snapshots. */
export function snapshotActions(context: XapiContext): ProviderActions['snapshot'] {
  const { VM } = context.xapi.client
  const calls = context.xapi.client.async.VM
  const copyName = async (vm: Parameters<typeof VM.get_name_label>[0]): Promise<string> =>
    `${await VM.get_name_label(vm)} (copy)`
  return {
    async update({ id, name, description, tags }) {
      const ref = await refOf(context, id, 'VM')
      if (name !== undefined) await VM.set_name_label(ref, name)
      if (description !== undefined) await VM.set_name_description(ref, description)
      if (tags !== undefined) await VM.set_tags(ref, [...new Set(tags)])
    },
    async revert({ id, keep, start }, task) {
      const ref = await refOf(context, id, 'VM')
      const vm = await VM.get_snapshot_of(ref)
      if (keep && vm) {
        const name = `Before going back to ${await VM.get_name_label(ref)}`
        await follow(context, calls.snapshot(vm, name), task)
      }
      await follow(context, calls.revert(ref), task)
      if (!start || !vm) return
      const power = await VM.get_power_state(vm)
      if (power === 'Halted') await follow(context, calls.start(vm, false, false), task)
      else if (power === 'Suspended') await follow(context, calls.resume(vm, false, false), task)
    },
    async clone({ id, name }, task) {
      const snapshot = await refOf(context, id, 'VM')
      const wanted = name ?? (await copyName(snapshot))
      const ref = await asVm(context, { name: wanted, make: (marked) => calls.clone(snapshot, marked) }, task)
      return { made: [await idOf(context, 'vm', { className: 'VM', ref })] }
    },
    async copy({ id, name, storage }, task) {
      const snapshot = await refOf(context, id, 'VM')
      const sr = storage === undefined ? null : await refOf(context, storage, 'SR')
      const wanted = name ?? (await copyName(snapshot))
      const ref = await asVm(context, { name: wanted, make: (marked) => calls.copy(snapshot, marked, sr) }, task)
      return { made: [await idOf(context, 'vm', { className: 'VM', ref })] }
    },
    async delete({ id }, task) {
      await destroyVm(context, { vm: await refOf(context, id, 'VM') }, task)
    },
  }
}

interface NewVm {
  readonly name: string
  readonly make: (marked: string) => Promise<TaskRef<Ref<'VM'>>>
}

/** What is made from a snapshot is a template at first: until it is a VM its name bears a mark. */
async function asVm(context: XapiContext, { name, make }: NewVm, task: ActionTask): Promise<Ref<'VM'>> {
  const { VM } = context.xapi.client
  const mark = newMark(systemRandom)
  const undo = await task.undo({ kind: 'vm.destroyMarked', what: `Remove the half-made VM ${name}`, data: { mark } })
  const ref = await follow(context, make(markedName(name, mark)), task)
  await VM.set_is_a_template(ref, false)
  await VM.set_name_label(ref, name)
  await undo.forget()
  return ref
}
