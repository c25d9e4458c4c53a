import { z } from 'zod'
import { action } from '../action/action.ts'
import { VmId } from '../ids/resource-id.ts'
import { text } from '../schema/fields.ts'
import { vmCan } from './capabilities.ts'

const vm = { type: 'vm', id: VmId, plural: 'vms' } as const
const addresses = z
  .array(z.string().regex(/^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/))
  .min(1)
  .max(32)
  .meta({ description: 'Addresses (0000:04:01.0); see "host devices".' })

/** Devices of a host that a VM uses itself. */
export const vmPassthroughActions = {
  attachPci: action({
    ...vm,
    name: 'attach-pci',
    title: 'Pass PCI devices through to NAME',
    summary: 'Pass PCI devices of a host through to a halted VM',
    description: 'The host must keep them for VMs (`host hide-pci`). Such a VM does not move while it runs.',
    input: z.strictObject({ addresses }),
    cli: { args: ['addresses'] },
    permission: 'vm:configure',
    can: vmCan.attachPci,
  }),
  detachPci: action({
    ...vm,
    name: 'detach-pci',
    title: 'Take PCI devices from NAME',
    summary: 'Take PCI devices from a halted VM',
    input: z.strictObject({ addresses }),
    cli: { args: ['addresses'] },
    permission: 'vm:configure',
    can: vmCan.attachPci,
  }),
  attachUsb: action({
    ...vm,
    name: 'attach-usb',
    title: 'Pass a USB device through to NAME',
    summary: 'Pass a USB device of a host through to a halted VM',
    input: z.strictObject({ device: text('Its key; see "host devices".').min(1).max(100) }),
    cli: { args: ['device'] },
    permission: 'vm:configure',
    can: vmCan.attachUsb,
  }),
  detachUsb: action({
    ...vm,
    name: 'detach-usb',
    title: 'Take a USB device from NAME',
    summary: 'Take a USB device from a VM',
    input: z.strictObject({ device: text('Its key; see "host devices".').min(1).max(100) }),
    cli: { args: ['device'] },
    permission: 'vm:configure',
  }),
  attachGpu: action({
    ...vm,
    name: 'attach-gpu',
    title: 'Give NAME a GPU',
    summary: 'Give a halted VM a GPU of its host, whole or a part of it',
    input: z.strictObject({
      group: text('Key of the group of GPUs; see "host devices".').min(1).max(100),
      kind: text('Key of the type of virtual GPU; a whole GPU when left out.').min(1).max(100).optional(),
    }),
    cli: { args: ['group'] },
    permission: 'vm:configure',
    can: vmCan.attachPci,
  }),
  detachGpu: action({
    ...vm,
    name: 'detach-gpu',
    title: 'Take the GPU from NAME',
    summary: 'Take all GPUs from a halted VM',
    permission: 'vm:configure',
    can: vmCan.attachPci,
  }),
} as const
