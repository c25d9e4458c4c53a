import { formatId, type HostDevice, type VmId } from '@nixen/api'
import type { Ref } from '@nixen/xapi'
import type { PoolContext } from '../actions/context.ts'

/** Devices of a host that VMs may use themselves, by kind and name. */
export async function devicesOf(context: PoolContext, host: Ref<'host'>): Promise<readonly HostDevice[]> {
  const lists = await Promise.all([pcis(context, host), usbs(context, host), gpus(context, host)])
  return lists.flat()
}

async function pcis(context: PoolContext, host: Ref<'host'>): Promise<HostDevice[]> {
  const { PCI, VM, host: hosts } = context.xapi.client
  const users = new Map<Ref<'PCI'>, Ref<'VM'>[]>()
  // The host knows it of VMs that run; those that are off have no device.
  for (const vm of await hosts.get_resident_VMs(host)) {
    for (const pci of await VM.get_attached_PCIs(vm)) users.set(pci, [...(users.get(pci) ?? []), vm])
  }
  const mine = [...(await PCI.get_all_records())].filter(([, record]) => record.host === host)
  const found = mine.map(async ([ref, record]): Promise<HostDevice> => {
    const access = await PCI.get_dom0_access_status(ref)
    const device: HostDevice = {
      kind: 'pci',
      key: record.pci_id,
      name: `${record.vendor_name} ${record.device_name}`.trim(),
      hidden: access === 'disabled' || access === 'disable_on_reboot',
      vms: await vmsOf(context, users.get(ref) ?? []),
    }
    if (access.endsWith('_on_reboot')) device.restart = true
    return device
  })
  return (await Promise.all(found)).toSorted((a, b) => (a.key < b.key ? -1 : 1))
}

async function usbs(context: PoolContext, host: Ref<'host'>): Promise<HostDevice[]> {
  const { PUSB, USB_group, VUSB } = context.xapi.client
  const mine = [...(await PUSB.get_all_records()).values()].filter((record) => record.host === host)
  return await Promise.all(
    mine.map(async ({ uuid, description, vendor_desc, product_desc, USB_group: group }): Promise<HostDevice> => {
      const vusbs = group === null ? [] : await USB_group.get_VUSBs(group)
      const vms = await Promise.all(vusbs.map(async (ref) => await VUSB.get_VM(ref)))
      const name = description || `${vendor_desc} ${product_desc}`.trim()
      return { kind: 'usb', key: uuid, name, vms: await vmsOf(context, vms) }
    }),
  )
}

/** A VM gets a GPU of a group: all that are alike. */
async function gpus(context: PoolContext, host: Ref<'host'>): Promise<HostDevice[]> {
  const { PGPU, GPU_group, VGPU, VGPU_type } = context.xapi.client
  const mine = [...(await PGPU.get_all_records()).values()].filter((record) => record.host === host)
  const groups = new Set(mine.map(({ GPU_group: group }) => group).filter((group) => group !== null))
  return await Promise.all(
    [...groups].map(async (ref): Promise<HostDevice> => {
      const { uuid, name_label, VGPUs, enabled_VGPU_types: types } = await GPU_group.get_record(ref)
      const vms = await Promise.all(VGPUs.map(async (vgpu) => await VGPU.get_VM(vgpu)))
      const kinds = await Promise.all(
        types.map(async (type) => {
          const { uuid: key, model_name: name } = await VGPU_type.get_record(type)
          return { key, name }
        }),
      )
      return { kind: 'gpu', key: uuid, name: name_label, vms: await vmsOf(context, vms), kinds }
    }),
  )
}

async function vmsOf({ xapi, connection }: PoolContext, refs: readonly Ref<'VM'>[]): Promise<VmId[]> {
  const keys = await Promise.all(refs.map(async (ref) => await xapi.client.VM.get_uuid(ref)))
  return keys.map((key) => formatId({ type: 'vm', connection, key }))
}
