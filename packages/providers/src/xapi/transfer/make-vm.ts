import { connectionErrors, type VmId } from '@nixen/api'
import { systemRandom } from '@nixen/core'
import type { Ref } from '@nixen/xapi'
import type { ActionTask } from '../../action/actions.ts'
import type { NewVmImage } from '../../transfer/transfer-actions.ts'
import { follow, idOf, refOf, withKeys, type XapiContext } from '../actions/context.ts'
import { addDrive, makeNic } from '../actions/vm/devices.ts'
import { makeDisk } from '../actions/vm/new-disk.ts'
import { setCpus, setMemory } from '../actions/vm/settings.ts'
import { markedName, newMark } from '../protect/marks.ts'
import { fill, unmark } from './import-disk.ts'

/** The template that knows nothing of the guest; every pool has it. */
const plainTemplate = 'Other install media'

interface MadeDisk {
  readonly place: number
  readonly vdi: Ref<'VDI'>
}

/** Makes a VM of an image: its disks first, as they come, then the VM. Until all of it is there everything bears a mark. */
export async function makeVm(context: XapiContext, image: NewVmImage, task: ActionTask): Promise<VmId> {
  const { VM } = context.xapi.client
  const mark = newMark(systemRandom)
  const what = `Remove the half-imported VM ${image.name}`
  const undo = await task.undo({ kind: 'vm.destroyMarked', what, data: { mark } })
  const disks = await makeDisks(context, { image, mark }, task)
  task.progress(undefined, 'Making the VM')
  const vm = await makeBare(context, { image, mark }, task)
  for (const [index, { vdi }] of disks.entries()) {
    await addDrive(context, { vm, vdi, type: 'Disk', readOnly: false, boot: index === 0 })
  }
  await addNics(context, vm, image)
  for (const { vdi } of disks) await unmark(context, vdi)
  await VM.set_name_label(vm, image.name)
  await undo.forget()
  return await idOf(context, 'vm', { className: 'VM', ref: vm })
}

interface Making {
  readonly image: NewVmImage
  readonly mark: string
}

async function makeDisks(context: XapiContext, { image, mark }: Making, task: ActionTask): Promise<MadeDisk[]> {
  const sr = await refOf(context, image.storage, 'SR')
  const made: MadeDisk[] = []
  for await (const { name, place, disk } of image.disks) {
    task.progress(undefined, `Importing ${name}`)
    const vdi = await makeDisk(context, { sr, size: disk.size, name, mark })
    await fill(context, vdi, { disk, asIs: false }, task)
    made.push({ place, vdi })
  }
  for (const { name, place, size } of image.empty) {
    made.push({ place, vdi: await makeDisk(context, { sr, size, name, mark }) })
  }
  return made.toSorted((a, b) => a.place - b.place)
}

async function makeBare(context: XapiContext, { image, mark }: Making, task: ActionTask): Promise<Ref<'VM'>> {
  const { VM, VIF } = context.xapi.client
  const calls = context.xapi.client.async.VM
  const named = await VM.get_by_name_label(plainTemplate)
  const templates: Ref<'VM'>[] = []
  for (const ref of named) if (await VM.get_is_default_template(ref)) templates.push(ref)
  const [template] = templates
  if (template === undefined) {
    throw connectionErrors.unsupported({
      action: 'Making the VM',
      reason: `the pool has no template "${plainTemplate}". Make its default templates anew (create-guest-templates).`,
    })
  }
  const vm = await follow(context, calls.clone(template, markedName(image.name, mark)), task)
  const config = await VM.get_other_config(vm)
  await VM.set_other_config(vm, withKeys(config, { disks: undefined }))
  await follow(context, calls.provision(vm), task)
  for (const vif of await VM.get_VIFs(vm)) await VIF.destroy(vif)
  await VM.set_name_description(vm, image.description)
  if (image.cpus !== undefined) await setCpus(context, vm, { count: image.cpus })
  if (image.memory !== undefined) await setMemory(context, vm, { size: image.memory })
  const boot = await VM.get_HVM_boot_params(vm)
  await VM.set_HVM_boot_params(vm, withKeys(boot, { firmware: image.firmware, order: 'cd' }))
  return vm
}

async function addNics(context: XapiContext, vm: Ref<'VM'>, { nics, network }: NewVmImage): Promise<void> {
  const chosen = network === undefined ? undefined : await refOf(context, network, 'network')
  const standard = chosen ?? (nics.length > 0 ? await managementNetwork(context) : undefined)
  for (const nic of nics) {
    const [sameName] =
      chosen === undefined && nic.network !== undefined
        ? await context.xapi.client.network.get_by_name_label(nic.network)
        : []
    const target = sameName ?? standard
    if (target !== undefined) await makeNic(context, vm, { network: target })
  }
}

async function managementNetwork({ xapi }: XapiContext): Promise<Ref<'network'> | undefined> {
  for (const pif of (await xapi.client.PIF.get_all_records()).values()) {
    if (pif.management) return pif.network
  }
  return undefined
}
