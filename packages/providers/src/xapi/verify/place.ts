import { formatId } from '@nixen/api'
import type { Ref, VMRecord } from '@nixen/xapi'
import type { CheckPlace } from '../../verify/verify-actions.ts'
import type { ProtectJournal } from '../../protect/undo.ts'
import { callsOf, unlessGone, type ProtectContext, type Stoppable } from '../protect/context.ts'
import { markedName, newMark } from '../protect/marks.ts'
import { destroyDisk } from '../protect/snapshot.ts'

/** On the network of a check: its mark. */
export const checkKey = 'nixen:check'

/** Makes a network without NICs of hosts: what is plugged into it reaches nothing. */
export async function makeCheckPlace(
  context: ProtectContext,
  { name: what, journal, signal }: Stoppable & { name: string; journal: ProtectJournal },
): Promise<CheckPlace> {
  const mark = newMark(context.random)
  const name = markedName(`Health check of ${what}`, mark)
  await journal.undo({ kind: 'verify.place', what: `Remove the health check of ${what}`, data: { name, mark } })
  const { network } = callsOf(context, { signal })
  const ref = await network.create({
    name_label: name,
    name_description: 'For one health check of Nixen; it leads nowhere and is removed with it.',
    MTU: 1500,
    other_config: { [checkKey]: mark },
  })
  const key = await network.get_uuid(ref)
  return { mark, name, network: formatId({ type: 'network', connection: context.connection, key }) }
}

/** Removes the VM, its disks and the network. Both are found by a name with a random mark, which nothing else has. */
export async function removeCheckPlace(
  context: ProtectContext,
  { name, mark }: Pick<CheckPlace, 'name' | 'mark'>,
  options: Stoppable = {},
): Promise<void> {
  const { VM, network } = callsOf(context, options)
  for (const ref of await VM.get_by_name_label(name)) {
    const record = await unlessGone(VM.get_record(ref))
    if (record && !record.is_a_snapshot) await removeVm(context, ref, { record, ...options })
  }
  for (const ref of await network.get_by_name_label(name)) {
    const config = await unlessGone(network.get_other_config(ref))
    if (config?.[checkKey] === mark) await unlessGone(network.destroy(ref))
  }
}

async function removeVm(
  context: ProtectContext,
  vm: Ref<'VM'>,
  { record, signal }: Stoppable & { record: VMRecord },
): Promise<void> {
  const calls = callsOf(context, { signal })
  if (record.power_state !== 'Halted') await stop(context, vm, { signal })
  const disks: Ref<'VDI'>[] = []
  for (const ref of record.VBDs) {
    const vbd = await unlessGone(calls.VBD.get_record(ref))
    if (vbd?.type === 'Disk' && vbd.VDI !== null) disks.push(vbd.VDI)
  }
  for (const vif of record.VIFs) await unlessGone(calls.VIF.destroy(vif))
  // The disks first: after a crash in between they are still found by the VM.
  for (const disk of disks) await destroyDisk(context, disk, { signal })
  await unlessGone(calls.VM.destroy(vm))
}

/** A guest that stops of itself meanwhile is as well. */
async function stop(context: ProtectContext, vm: Ref<'VM'>, { signal }: Stoppable): Promise<void> {
  const { VM } = callsOf(context, { signal })
  try {
    await context.xapi.run(context.xapi.client.async.VM.hard_shutdown(vm), { signal })
  } catch (error) {
    signal?.throwIfAborted()
    if ((await unlessGone(VM.get_power_state(vm))) === 'Running') throw error
  }
}
