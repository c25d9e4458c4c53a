import { z } from 'zod'
import { action } from '../action/action.ts'
import { DiskId, NetworkId, NicId, VmId } from '../ids/resource-id.ts'
import { count, flag, text } from '../schema/fields.ts'
import { vmCan } from './capabilities.ts'

const vm = { type: 'vm', id: VmId, plural: 'vms' } as const

/** Devices of VMs. New disks and NICs are made by `disk create` and here by `vm add-nic`. */
export const vmDeviceActions = {
  attachDisk: action({
    ...vm,
    name: 'attach-disk',
    title: 'Attach a disk to NAME',
    summary: 'Attach a disk to a VM, while it runs if it can',
    input: z.strictObject({
      disk: DiskId,
      readOnly: flag('The VM cannot write to it.').default(false),
      boot: flag('The VM may boot from it.').default(false),
      position: count('Place among the drives of the VM; the next free one when left out.').optional(),
    }),
    cli: { args: ['disk'] },
    needs: { disk: 'disk:attach' },
    permission: 'vm:configure',
    can: vmCan.attachDisk,
  }),
  detachDisk: action({
    ...vm,
    name: 'detach-disk',
    title: 'Detach a disk from NAME',
    summary: 'Detach a disk from a VM; the disk stays',
    input: z.strictObject({ disk: DiskId }),
    cli: { args: ['disk'] },
    needs: { disk: 'disk:attach' },
    permission: 'vm:configure',
    can: vmCan.detachDisk,
  }),
  updateDrive: action({
    ...vm,
    name: 'update-drive',
    title: 'Change a drive of NAME',
    summary: 'Change how a VM has one of its disks: whether it boots from it, may write to it, and where it is',
    input: z.strictObject({
      disk: DiskId,
      boot: flag('The VM may boot from it.').optional(),
      readOnly: flag('The VM cannot write to it; only while it is halted.').optional(),
      position: count('Place among the drives of the VM; only while it is halted.').optional(),
    }),
    cli: { args: ['disk'] },
    needs: { disk: 'disk:attach' },
    permission: 'vm:configure',
    can: vmCan.update,
  }),
  insertMedia: action({
    ...vm,
    name: 'insert-media',
    title: 'Insert media into NAME',
    summary: 'Put an image into the CD drive of a VM; a drive is added to a halted VM that has none',
    input: z.strictObject({ disk: DiskId.meta({ description: 'The image.' }) }),
    cli: { args: ['disk'] },
    needs: { disk: 'disk:read' },
    permission: 'vm:media',
  }),
  ejectMedia: action({
    ...vm,
    name: 'eject-media',
    title: 'Eject the media of NAME',
    summary: 'Empty the CD drive of a VM',
    permission: 'vm:media',
    can: vmCan.ejectMedia,
  }),
  addNic: action({
    ...vm,
    name: 'add-nic',
    title: 'Add a NIC to NAME',
    summary: 'Add a network interface to a VM, while it runs if it can',
    input: z.strictObject({
      network: NetworkId,
      mac: text('MAC address; a new one when left out.')
        .regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i, { error: 'Six bytes in hexadecimal with colons: 52:54:00:12:34:56.' })
        .optional(),
      mtu: z.int().min(68).max(65_535).optional().meta({ description: 'Largest frame in bytes.' }),
    }),
    cli: { args: ['network'] },
    needs: { network: 'nic:attach' },
    permission: 'vm:configure',
    can: vmCan.addNic,
  }),
  removeNic: action({
    ...vm,
    name: 'remove-nic',
    title: 'Remove a NIC of NAME',
    summary: 'Remove a network interface of a VM',
    input: z.strictObject({ nic: NicId }),
    cli: { args: ['nic'] },
    needs: { nic: 'nic:delete' },
    permission: 'vm:configure',
    can: vmCan.removeNic,
  }),
} as const
