import { connectionErrors } from '@nixen/api'
import { isXapiError, type Ref } from '@nixen/xapi'
import type { ProviderActions } from '../../../action/actions.ts'
import { refOf, withKeys, type XapiContext } from '../context.ts'

type Passthrough = Pick<
  ProviderActions['vm'],
  'attachPci' | 'detachPci' | 'attachUsb' | 'detachUsb' | 'attachGpu' | 'detachGpu'
>

/** Devices of a host that a VM uses itself. */
export function vmPassthrough(context: XapiContext): Passthrough {
  const { VM, VUSB, VGPU, GPU_group, VGPU_type, USB_group, PUSB } = context.xapi.client
  return {
    async attachPci({ id, addresses }) {
      await demandPcis(context, addresses)
      await changePcis(context, await refOf(context, id, 'VM'), (now) => [...new Set([...now, ...addresses])])
    },
    async detachPci({ id, addresses }) {
      await changePcis(context, await refOf(context, id, 'VM'), (now) => now.filter((one) => !addresses.includes(one)))
    },
    async attachUsb({ id, device }, task) {
      const vm = await refOf(context, id, 'VM')
      const { group, pusb, passed } = await usbDevice(context, device)
      const undo = await task.undo({ kind: 'pusb.release', what: 'Give the USB device back', data: { pusb, passed } })
      // Devices are for VMs only when somebody said so; without that the start of the VM would fail.
      if (!passed) await PUSB.set_passthrough_enabled(pusb, true)
      await VUSB.create(vm, group, {})
      await undo.forget()
    },
    async detachUsb({ id, device }) {
      const vm = await refOf(context, id, 'VM')
      const { group } = await usbDevice(context, device)
      for (const vusb of await USB_group.get_VUSBs(group)) {
        const { VM: owner, currently_attached } = await VUSB.get_record(vusb)
        if (owner !== vm) continue
        if (currently_attached) await VUSB.unplug(vusb)
        await VUSB.destroy(vusb)
      }
    },
    async attachGpu({ id, group, kind }) {
      const vm = await refOf(context, id, 'VM')
      const gpus = await known(GPU_group.get_by_uuid(group), `the pool has no group of GPUs ${group}`)
      const type = kind === undefined ? null : await known(VGPU_type.get_by_uuid(kind), `there is no type ${kind}`)
      const used = new Set(await Promise.all((await VM.get_VGPUs(vm)).map(async (one) => await VGPU.get_device(one))))
      let device = 0
      while (used.has(String(device))) device++
      await VGPU.create(vm, gpus, String(device), {}, type)
    },
    async detachGpu({ id }) {
      for (const vgpu of await VM.get_VGPUs(await refOf(context, id, 'VM'))) await VGPU.destroy(vgpu)
    },
  }
}

/** `other_config:pci` is `0/0000:04:00.0,0/…`: what is there stays. */
async function changePcis(
  { xapi }: XapiContext,
  vm: Ref<'VM'>,
  change: (now: readonly string[]) => readonly string[],
): Promise<void> {
  const { VM } = xapi.client
  const config = await VM.get_other_config(vm)
  const now = (config['pci'] ?? '').split(',').flatMap((part) => /^\d+\/(.+)$/.exec(part.trim())?.[1] ?? [])
  const wanted = change(now)
  const pci = wanted.length === 0 ? undefined : wanted.map((address) => `0/${address}`).join(',')
  await VM.set_other_config(vm, withKeys(config, { pci }))
}

async function demandPcis({ xapi }: XapiContext, addresses: readonly string[]): Promise<void> {
  const { PCI } = xapi.client
  const all = await PCI.get_all_records()
  for (const address of addresses) {
    const found = [...all].filter(([, { pci_id }]) => pci_id === address)
    if (found.length === 0) throw refused(`no host has a PCI device ${address}`)
    const states = await Promise.all(found.map(async ([ref]) => await PCI.get_dom0_access_status(ref)))
    if (states.includes('disabled')) continue
    throw refused(`the host uses ${address} itself. Keep it for VMs with "host hide-pci", and reboot the host`)
  }
}

/** A USB device of a host, the group by which VMs get it, and whether it is for VMs already. */
async function usbDevice({ xapi }: XapiContext, device: string) {
  const { PUSB } = xapi.client
  const reason = `no host has a USB device ${device}`
  const pusb = await known(PUSB.get_by_uuid(device), reason)
  const group = await PUSB.get_USB_group(pusb)
  if (!group) throw refused(reason)
  return { pusb, group, passed: await PUSB.get_passthrough_enabled(pusb) }
}

async function known<T>(asked: Promise<T>, reason: string): Promise<T> {
  try {
    return await asked
  } catch (error) {
    if (isXapiError(error, 'UUID_INVALID')) throw refused(reason, error)
    throw error
  }
}

function refused(reason: string, cause?: unknown): Error {
  return connectionErrors.unsupported({ action: 'Passing it through', reason: `${reason}.` }, { cause })
}
