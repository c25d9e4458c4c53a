import type { ActionRequest, Actions, VmId } from '@nixen/api'
import { systemRandom } from '@nixen/core'
import type { Ref } from '@nixen/xapi'
import type { ActionResult, ActionTask } from '../../../action/actions.ts'
import { markedName, newMark } from '../../protect/marks.ts'
import { follow, idOf, refOf, withKeys, type XapiContext } from '../context.ts'
import { seedDisk } from './cloud-init.ts'
import { addDrive, makeNic } from './devices.ts'
import { makeDisk } from './new-disk.ts'
import { defaultStorage } from './migrate-send.ts'
import { bootLetters, setCpus, setMemory, updateVm } from './settings.ts'

type Request = ActionRequest<Actions['vm']['create']>

/** Makes VMs from a template, one after the other. */
export async function createVms(context: XapiContext, request: Request, task: ActionTask): Promise<ActionResult> {
  const made: VmId[] = []
  for (let i = 0; i < request.count; i++) {
    const index = request.first + i
    const name = request.name.replaceAll('{index}', String(index))
    task.progress(i / request.count, `Creating ${name}`)
    made.push(await createVm(context, { ...request, name }, { index, task }))
    task.log(`${name} is made.`)
  }
  return { made }
}

/**
 * Makes one VM. Until all of it is there its name bears a mark, by which it is found and removed when this is interrupted.
 */
async function createVm(
  context: XapiContext,
  request: Request,
  { index, task }: { readonly index: number; readonly task: ActionTask },
): Promise<VmId> {
  const { VM } = context.xapi.client
  const mark = newMark(systemRandom)
  const step = { kind: 'vm.destroyMarked', what: `Remove the half-made VM ${request.name}`, data: { mark } }
  const undo = await task.undo(step)
  const vm = await cloneTemplate(context, { request, name: markedName(request.name, mark) }, task)
  await setHardware(context, vm, request)
  await setNics(context, vm, request)
  await setDisks(context, { vm, request, mark }, task)
  await setBoot(context, vm, request)
  if (request.cloudInit) {
    const { user = '', network, storage } = request.cloudInit
    const uuid = await VM.get_uuid(vm)
    const fill = (text: string): string =>
      text.replaceAll('{name}', request.name).replaceAll('{index}', String(index)).replaceAll('{uuid}', uuid)
    const sr = await refFor(context, { storage: storage ?? request.storage })
    const files = { uuid, name: request.name, user: fill(user), network: network && fill(network) }
    await seedDisk(context, { vm, sr, mark, ...files }, task)
  }
  await VM.set_name_label(vm, request.name)
  await undo.forget()
  if (request.start) await follow(context, context.xapi.client.async.VM.start(vm, false, false), task)
  return await idOf(context, 'vm', { className: 'VM', ref: vm })
}

/** Clones the template, or copies its disks to another storage, and makes a VM of it. */
async function cloneTemplate(
  context: XapiContext,
  { request, name }: { readonly request: Request; readonly name: string },
  task: ActionTask,
): Promise<Ref<'VM'>> {
  const { VM } = context.xapi.client
  const calls = context.xapi.client.async.VM
  const template = await refOf(context, request.template, 'VM')
  const hasDisks = (await disksOf(context, template)).length > 0
  const sr = request.storage === undefined ? undefined : await refOf(context, request.storage, 'SR')
  const vm = await follow(context, sr && hasDisks ? calls.copy(template, name, sr) : calls.clone(template, name), task)
  // Templates that came with the product describe their disks in XML, which `provision` makes where it says.
  const config = await VM.get_other_config(vm)
  const described = config['disks']
  if (described !== undefined) {
    const ours = request.disks.length > 0
    const disks = ours ? undefined : await withStorage(context, described, sr)
    await VM.set_other_config(vm, withKeys(config, { disks }))
  }
  await follow(context, calls.provision(vm), task)
  return vm
}

/** Fills in the storage where the description of the disks leaves it open. */
async function withStorage(context: XapiContext, disks: string, sr: Ref<'SR'> | undefined): Promise<string> {
  if (sr === undefined && !/\bsr=""/.test(disks)) return disks
  const uuid = await context.xapi.client.SR.get_uuid(sr ?? (await defaultStorage(context)))
  return disks.replaceAll(sr === undefined ? /\bsr=""/g : /\bsr="[^"]*"/g, `sr="${uuid}"`)
}

async function setHardware(context: XapiContext, vm: Ref<'VM'>, request: Request): Promise<void> {
  const { VM, VTPM } = context.xapi.client
  const { description, tags, vcpus, perSocket, memory, firmware, secureBoot, tpm, host, autoStart } = request
  if (description !== undefined) await VM.set_name_description(vm, description)
  await VM.set_tags(vm, [...new Set(tags)])
  if (vcpus !== undefined || perSocket !== undefined) await setCpus(context, vm, { count: vcpus, perSocket })
  if (memory !== undefined) await setMemory(context, vm, { size: memory })
  if (secureBoot !== undefined) {
    await VM.set_platform(vm, withKeys(await VM.get_platform(vm), { secureboot: String(secureBoot) }))
  }
  if (firmware !== undefined) {
    await VM.set_HVM_boot_params(vm, withKeys(await VM.get_HVM_boot_params(vm), { firmware }))
  }
  if (tpm) await VTPM.create(vm, false)
  if (host !== undefined) await VM.set_affinity(vm, await refOf(context, host, 'host'))
  if (request.options) await updateVm(context, vm, request.options)
  if (request.biosOf !== undefined) await VM.copy_bios_strings(vm, await refOf(context, request.biosOf, 'host'))
  if (autoStart) await VM.set_other_config(vm, withKeys(await VM.get_other_config(vm), { auto_poweron: 'true' }))
}

/** The NICs that are asked for take the place of those of the template. */
async function setNics(context: XapiContext, vm: Ref<'VM'>, { nics }: Request): Promise<void> {
  if (!nics) return
  const { VM, VIF } = context.xapi.client
  for (const vif of await VM.get_VIFs(vm)) await VIF.destroy(vif)
  for (const { network, mac, mtu } of nics) {
    await makeNic(context, vm, { network: await refOf(context, network, 'network'), mac, mtu })
  }
}

interface DisksOptions {
  readonly vm: Ref<'VM'>
  readonly request: Request
  readonly mark: string
}

async function setDisks(context: XapiContext, { vm, request, mark }: DisksOptions, task: ActionTask): Promise<void> {
  const { VDI } = context.xapi.client
  const own = await disksOf(context, vm)
  const template = await disksOf(context, await refOf(context, request.template, 'VM'))
  for (const { disk, size, name } of request.templateDisks) {
    const wanted = await refOf(context, disk, 'VDI')
    const position = template.find(({ vdi }) => vdi === wanted)?.position
    const vdi = own.find((one) => one.position === position)?.vdi
    if (!vdi) continue
    if (name !== undefined) await VDI.set_name_label(vdi, name)
    if (size !== undefined) await follow(context, context.xapi.client.async.VDI.resize(vdi, size), task)
  }
  for (const [index, { name, description, size, storage }] of request.disks.entries()) {
    const sr = await refFor(context, { storage: storage ?? request.storage })
    const boot = own.length === 0 && index === 0
    const label = name ?? `${request.name} disk ${own.length + index}`
    const vdi = await makeDisk(context, { sr, size, name: label, description, mark })
    await addDrive(context, { vm, vdi, type: 'Disk', readOnly: false, boot })
  }
}

async function setBoot(context: XapiContext, vm: Ref<'VM'>, { media, networkBoot }: Request): Promise<void> {
  const { VM, VBD } = context.xapi.client
  if (media !== undefined) {
    const vdi = await refOf(context, media, 'VDI')
    for (const vbd of await VM.get_VBDs(vm)) if ((await VBD.get_type(vbd)) === 'CD') await VBD.destroy(vbd)
    await addDrive(context, { vm, vdi, type: 'CD', readOnly: true, boot: true })
  }
  if (media === undefined && !networkBoot) return
  const before = await VM.get_HVM_boot_params(vm)
  const { disk, cd, network } = bootLetters
  // Disk first: an empty one is passed over, and after the installation it is what shall boot.
  const order = networkBoot ? network + disk + cd : disk + cd + network
  await VM.set_HVM_boot_params(vm, { ...before, order })
}

async function disksOf({ xapi }: XapiContext, vm: Ref<'VM'>) {
  const { VM, VBD } = xapi.client
  const found: { readonly vdi: Ref<'VDI'>; readonly position: string }[] = []
  for (const vbd of await VM.get_VBDs(vm)) {
    const { type, VDI: vdi, userdevice } = await VBD.get_record(vbd)
    if (type === 'Disk' && vdi) found.push({ vdi, position: userdevice })
  }
  return found
}

async function refFor(context: XapiContext, { storage }: { storage: Request['storage'] }): Promise<Ref<'SR'>> {
  return storage === undefined ? await defaultStorage(context) : await refOf(context, storage, 'SR')
}
