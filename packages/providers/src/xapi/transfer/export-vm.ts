import { exportVm as exportXva, type Ref } from '@nixen/xapi'
import type { ActionTask } from '../../action/actions.ts'
import type { TransferActions, VmDescription } from '../../transfer/transfer-actions.ts'
import { idOf, refOf, type XapiContext } from '../actions/context.ts'

/** The XVA as the host makes it. */
export async function* exportVm(
  context: XapiContext,
  { id, compression }: Parameters<TransferActions['exportVm']>[0],
  task: ActionTask,
): AsyncGenerator<Uint8Array> {
  const vm = await refOf(context, id, 'VM')
  const onProgress = (progress: number): void => task.progress(progress)
  yield* exportXva(context.xapi, vm, { compression, signal: task.signal, onProgress })
}

/** What is in an OVF of a VM. */
export async function describeVm(
  context: XapiContext,
  id: Parameters<TransferActions['describeVm']>[0],
): Promise<VmDescription> {
  const { VM, VIF, network } = context.xapi.client
  const record = await VM.get_record(await refOf(context, id, 'VM'))
  const vifs = await Promise.all(record.VIFs.map(async (vif) => await VIF.get_record(vif)))
  const nics = vifs
    .toSorted((a, b) => Number(a.device) - Number(b.device))
    .map(async ({ network: ref, MAC: mac }) => ({ mac, network: await network.get_name_label(ref) }))
  return {
    name: record.name_label,
    description: record.name_description,
    cpus: record.VCPUs_at_startup,
    memory: record.memory_dynamic_max,
    firmware: record.HVM_boot_params['firmware'] === 'uefi' ? 'uefi' : 'bios',
    disks: await disksOf(context, record.VBDs),
    nics: await Promise.all(nics),
  }
}

async function disksOf(context: XapiContext, vbds: readonly Ref<'VBD'>[]): Promise<VmDescription['disks']> {
  const { VBD, VDI } = context.xapi.client
  const drives = await Promise.all(vbds.map(async (vbd) => await VBD.get_record(vbd)))
  const found: VmDescription['disks'][number][] = []
  for (const { type, VDI: vdi } of drives.toSorted((a, b) => Number(a.userdevice) - Number(b.userdevice))) {
    if (type !== 'Disk' || !vdi) continue
    const { name_label: name, virtual_size: size } = await VDI.get_record(vdi)
    found.push({ id: await idOf(context, 'disk', { className: 'VDI', ref: vdi }), name, size })
  }
  return found
}
