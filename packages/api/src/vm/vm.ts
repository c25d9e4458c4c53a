import { z } from 'zod'
import { ConnectionId } from '../ids/own-id.ts'
import { DiskId, HostId, NicId, PoolId, VmId } from '../ids/resource-id.ts'
import { bytes, count, flag, tags, text, time, word } from '../schema/fields.ts'
import { VmProtection } from './protection.ts'

export const powerStates = ['running', 'paused', 'suspended', 'halted', 'crashed', 'unknown'] as const

/** What runs inside a VM, as its agent says. */
export const GuestOs = z
  .strictObject({
    name: text('As the guest names itself, for example "Debian GNU/Linux 13 (trixie)".'),
    family: word(['linux', 'windows', 'bsd', 'other'], 'The kind of system.').optional(),
    version: text('Version of the system.').optional(),
    kernel: text('Version of the kernel.').optional(),
  })
  .meta({ id: 'GuestOs', description: 'What runs inside a VM, as its agent says.' })
export type GuestOs = z.infer<typeof GuestOs>

/** What is known of the agent and drivers inside a VM. */
export const GuestAgent = z
  .strictObject({
    running: flag('The agent answers (Xen guest tools, qemu-ga).'),
    drivers: flag('The guest has paravirtual drivers, so that devices can be plugged and memory saved while it runs.'),
    version: text('Version of the agent.').optional(),
    outdated: flag('The host has a newer one.').optional(),
  })
  .meta({ id: 'GuestAgent', description: 'What is known of the agent and drivers inside a VM.' })
export type GuestAgent = z.infer<typeof GuestAgent>

/** A drive of a VM: a disk attached to it, or a drive for media. */
export const VmDrive = z
  .strictObject({
    key: text("The provider's own name of the attachment (a VBD's uuid, `scsi0`, `vda`)."),
    disk: DiskId.optional().meta({ description: 'The disk or image in it; absent in an empty drive.' }),
    kind: word(['disk', 'cd', 'floppy'], 'What the guest sees.'),
    device: text('Name of the device in the guest or on the bus (xvda, vda, scsi0).').optional(),
    position: count('Place among the drives of the VM.').optional(),
    boot: flag('The VM may boot from it.').optional(),
    readOnly: flag('The VM cannot write to it.').optional(),
    attached: flag('Plugged now: the VM runs with it.').optional(),
  })
  .meta({ id: 'VmDrive', description: 'A drive of a VM: a disk attached to it, or a drive for media.' })
export type VmDrive = z.infer<typeof VmDrive>

/** A virtual machine. What the provider does not know is absent. */
export const Vm = z
  .strictObject({
    id: VmId,
    connection: ConnectionId,
    pool: PoolId,
    name: text('Name that people gave.'),
    description: text('Text that people wrote.').optional(),
    tags,
    power: word(powerStates, 'Whether it runs.'),
    host: HostId.optional().meta({
      description: 'The host that it runs on; absent while it does not run, or on none.',
    }),
    homeHost: HostId.optional().meta({ description: 'The host that it prefers to start on.' }),
    vcpus: count('Virtual processors that it has, or will start with.'),
    vcpusMax: count('Virtual processors that it can get while it runs.').optional(),
    memory: bytes('Memory that it has now, or will start with, in bytes.'),
    memoryMin: bytes('Lowest memory that ballooning may take it down to, in bytes.').optional(),
    memoryMax: bytes('Highest memory that it can get while it runs, in bytes.').optional(),
    os: GuestOs.optional(),
    agent: GuestAgent.optional(),
    hostname: text('Name that the guest gives itself.').optional(),
    ips: z.array(z.string()).meta({ description: 'Addresses of the guest, IPv4 before IPv6; empty when unknown.' }),
    drives: z.array(VmDrive).meta({ description: 'Disks and drives, in the order of their position.' }),
    diskSize: bytes('Sum of the virtual sizes of its own disks (no media), in bytes.'),
    diskUsed: bytes('Sum of what its own disks take on their storages, in bytes.').optional(),
    nics: z.array(NicId).meta({ description: 'Network interfaces, in the order of their position.' }),
    snapshots: count('Number of its snapshots.'),
    lastSnapshot: time('When the newest snapshot was made.').optional(),
    firmware: word(['bios', 'uefi'], 'How it boots.').optional(),
    secureBoot: flag('Boots only what is signed.').optional(),
    tpm: flag('Has a virtual TPM.').optional(),
    virtualization: word(['hvm', 'pv', 'pvh', 'kvm', 'emulated'], 'How its processors are virtualized.').optional(),
    autoStart: flag('Starts with its host or pool.').optional(),
    ha: word(['restart', 'best-effort', 'off'], 'What high availability does for it.').optional(),
    started: time('When it was started, as far as the host knows.').optional(),
    created: time('When it was made or imported.').optional(),
    protection: VmProtection.optional().meta({ description: 'Whether it could be had again, and from when.' }),
    busy: z
      .array(z.string())
      .optional()
      .meta({ description: 'What is being done to it now: the names of actions (start, migrate, snapshot, …).' }),
    blocked: z
      .record(z.string(), z.string())
      .optional()
      .meta({ description: 'Actions that somebody has forbidden on this VM, each with the reason that was given.' }),
    notes: text('Notes that people wrote, in Markdown.').optional(),
    fields: z.record(z.string(), z.string()).optional().meta({ description: 'Custom fields that people gave it.' }),
    immobile: text(
      'Why it cannot be suspended or moved while it runs, for example a PCI device passed through.',
    ).optional(),
  })
  .meta({ id: 'Vm', description: 'A virtual machine.' })
export type Vm = z.infer<typeof Vm>
export type PowerState = Vm['power']
