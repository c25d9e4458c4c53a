import { messageOf } from '@nixen/core'
import { isXapiError, type Ref } from '@nixen/xapi'
import type { ActionTask } from '../../../action/actions.ts'
import { follow, type XapiContext } from '../context.ts'

export interface DestroyOptions {
  readonly vm: Ref<'VM'>
  /** Disks that stay. */
  readonly keep?: ReadonlySet<Ref<'VDI'>>
}

/**
 * Removes a VM, its snapshots, and the disks that are theirs alone. First the records, so that nothing refers to a disk that is gone;
 * a disk that cannot be removed stays, and is named in the log.
 */
export async function destroyVm(
  context: XapiContext,
  { vm, keep = new Set() }: DestroyOptions,
  task: ActionTask,
): Promise<void> {
  const { VM, VDI } = context.xapi.client
  const snapshots = await VM.get_snapshots(vm)
  const all = [...snapshots, vm]
  const disks = new Set<Ref<'VDI'>>()
  for (const one of all) for (const disk of await ownDisks(context, one, new Set(all))) disks.add(disk)
  for (const disk of keep) disks.delete(disk)
  if ((await VM.get_power_state(vm)) === 'Suspended') {
    await follow(context, context.xapi.client.async.VM.hard_shutdown(vm), task)
  }
  const what = `Remove the disks of the deleted VM ${await VM.get_name_label(vm)}`
  const undo = await task.undo({ kind: 'vdi.destroyUnused', what, data: { vdis: [...disks] } })
  const names = new Map(await Promise.all([...disks].map(async (vdi) => [vdi, await VDI.get_name_label(vdi)] as const)))
  for (const one of all) await follow(context, context.xapi.client.async.VM.destroy(one), task)
  await destroyDisks(context, names, task)
  await undo.forget()
}

/** Disks (not media) that belong to no other VM than `owners`, and what its memory is saved on. */
async function ownDisks(
  { xapi }: XapiContext,
  vm: Ref<'VM'>,
  owners: ReadonlySet<Ref<'VM'>>,
): Promise<readonly Ref<'VDI'>[]> {
  const { VM, VBD, VDI } = xapi.client
  const found: Ref<'VDI'>[] = []
  for (const vbd of await VM.get_VBDs(vm)) {
    const { type, VDI: vdi } = await VBD.get_record(vbd)
    if (type !== 'Disk' || !vdi) continue
    const users = await Promise.all((await VDI.get_VBDs(vdi)).map(async (other) => await VBD.get_VM(other)))
    if (users.every((user) => owners.has(user))) found.push(vdi)
  }
  const memory = await VM.get_suspend_VDI(vm)
  return memory ? [...found, memory] : found
}

/** Removes disks, which are named. Who is gone already is no failure; what cannot go stays, and is named in the log. */
export async function destroyDisks(
  context: XapiContext,
  disks: ReadonlyMap<Ref<'VDI'>, string>,
  task: ActionTask,
): Promise<void> {
  for (const [index, [vdi, name]] of [...disks].entries()) {
    task.progress(index / disks.size, 'Removing disks')
    try {
      await follow(context, context.xapi.client.async.VDI.destroy(vdi), task)
    } catch (error) {
      if (isXapiError(error, 'HANDLE_INVALID')) continue
      task.signal.throwIfAborted()
      task.log(`The disk ${name} stays: ${messageOf(error)}`)
    }
  }
}
