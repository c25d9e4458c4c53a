import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { HostId, VmId } from '../ids/resource-id.ts'
import { bytes, flag, text, word } from '../schema/fields.ts'

/** An update that a host lacks. */
export const HostPatch = z
  .strictObject({
    name: text('Name of the package or update.'),
    version: text('The version that would be installed.').optional(),
    description: text('What it is.').optional(),
    changes: text('What changes.').optional(),
    size: bytes('What is downloaded, in bytes.').optional(),
    link: text('Where more is said.').optional(),
  })
  .meta({ id: 'HostPatch', description: 'An update that a host lacks.' })
export type HostPatch = z.infer<typeof HostPatch>

/** A device of a host that VMs may use themselves. */
export const HostDevice = z
  .strictObject({
    kind: word(['pci', 'usb', 'gpu'], 'What it is.'),
    key: text('What names it: a PCI address, a USB device, a group of GPUs.'),
    name: text('As its maker calls it.'),
    hidden: flag('The host keeps it for VMs (PCI).').optional(),
    restart: flag('That changes with the next reboot of the host.').optional(),
    vms: z.array(VmId).meta({ description: 'VMs that have it.' }),
    kinds: z
      .array(z.strictObject({ key: text('Key.'), name: text('Name.') }))
      .optional()
      .meta({ description: 'Types of virtual GPU that it can give.' }),
  })
  .meta({ id: 'HostDevice', description: 'A device of a host that VMs may use themselves.' })
export type HostDevice = z.infer<typeof HostDevice>

const params = z.strictObject({ id: HostId })
const reaching = ['connection.not_connected', 'connection.unreachable', 'connection.timeout'] as const

/** Questions about a host that it answers itself. */
export const hostQuestions = {
  patches: endpoint({
    method: 'GET',
    path: '/hosts/:id/patches',
    summary: 'List the updates that a host lacks',
    params,
    output: z.strictObject({ items: z.array(HostPatch) }),
    permission: 'host:read',
    errors: ['host.not_found', 'connection.unsupported', ...reaching],
    cli: { verb: 'host patches', args: ['id'], columns: ['name', 'version', 'size', 'description'] },
  }),
  devices: endpoint({
    method: 'GET',
    path: '/hosts/:id/devices',
    summary: 'List the PCI, USB and graphics devices of a host that VMs may use themselves',
    params,
    output: z.strictObject({ items: z.array(HostDevice) }),
    permission: 'host:read',
    errors: ['host.not_found', ...reaching],
    cli: { verb: 'host devices', args: ['id'], columns: ['kind', 'key', 'name', 'hidden', 'vms'] },
  }),
} as const
