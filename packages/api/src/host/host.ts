import { z } from 'zod'
import { ConnectionId } from '../ids/own-id.ts'
import { HostId, PoolId } from '../ids/resource-id.ts'
import { bytes, count, flag, tags, text, time, word } from '../schema/fields.ts'

/** The processors of a host. */
export const HostCpu = z
  .strictObject({
    model: text('As the processor names itself.').optional(),
    vendor: text('Vendor, for example GenuineIntel.').optional(),
    sockets: count('Sockets.').optional(),
    cores: count('Cores of all sockets.').optional(),
    threads: count('Processors that the hypervisor schedules on.'),
  })
  .meta({ id: 'HostCpu', description: 'The processors of a host.' })
export type HostCpu = z.infer<typeof HostCpu>

/** The software of a host. */
export const HostProduct = z
  .strictObject({
    name: text('XCP-ng, XenServer, libvirt, Proxmox VE, …'),
    version: text('Version of the product.'),
    build: text('Build of the product.').optional(),
    hypervisor: text('Xen or QEMU with its version.').optional(),
    api: text('Version of the API that it speaks.').optional(),
  })
  .meta({ id: 'HostProduct', description: 'The software of a host.' })
export type HostProduct = z.infer<typeof HostProduct>

/** A machine that runs VMs. */
export const Host = z
  .strictObject({
    id: HostId,
    connection: ConnectionId,
    pool: PoolId,
    name: text('Name that people gave, or its host name.'),
    description: text('Text that people wrote.').optional(),
    tags,
    power: word(['running', 'halted', 'unknown'], 'Whether the machine answers.'),
    enabled: flag('Takes new VMs. False in maintenance.'),
    master: flag('Leads its pool.'),
    hostname: text('Name in DNS.').optional(),
    address: text('Management address.').optional(),
    product: HostProduct.optional(),
    cpu: HostCpu.optional(),
    memory: bytes('Memory of the machine, in bytes.').optional(),
    memoryUsed: bytes('Memory that VMs and the system take, in bytes.').optional(),
    vms: count('VMs that run on it.'),
    started: time('When it booted.').optional(),
    needsReboot: flag('Something installed waits for a restart.').optional(),
    missingPatches: count('Updates that are not installed.').optional(),
    certificate: text('SHA-256 fingerprint of its TLS certificate, hexadecimal with colons.').optional(),
    iommu: flag('Devices can be passed to VMs.').optional(),
    busy: z.array(z.string()).optional().meta({ description: 'What is being done to it now: the names of actions.' }),
  })
  .meta({ id: 'Host', description: 'A machine that runs VMs.' })
export type Host = z.infer<typeof Host>
