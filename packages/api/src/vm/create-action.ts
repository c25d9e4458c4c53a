import { z } from 'zod'
import { creation } from '../action/action.ts'
import { CloudConfigId } from '../ids/own-id.ts'
import { DiskId, HostId, NetworkId, StorageId, TemplateId } from '../ids/resource-id.ts'
import { bytes, flag, text, word } from '../schema/fields.ts'
import { templateCan } from '../template/capabilities.ts'
import { vmOptions } from './settings-actions.ts'

const mib = 1024 * 1024

/** A disk that a new VM gets. */
export const NewDisk = z
  .strictObject({
    name: text('Name; made from that of the VM when left out.').min(1).max(1000).optional(),
    description: text('Text for people.').max(10_000).optional(),
    size: bytes('Virtual size in bytes.').min(mib),
    storage: StorageId.optional().meta({ description: 'Where it shall be; the default storage when left out.' }),
  })
  .meta({ id: 'NewDisk', description: 'A disk that a new VM gets.' })

/** A network interface that a new VM gets. */
export const NewNic = z
  .strictObject({
    network: NetworkId,
    mac: text('MAC address; a new one when left out.')
      .regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i, { error: 'Six bytes in hexadecimal with colons: 52:54:00:12:34:56.' })
      .optional(),
    mtu: z.int().min(68).max(65_535).optional().meta({ description: 'Largest frame in bytes.' }),
  })
  .meta({ id: 'NewNic', description: 'A network interface that a new VM gets.' })

/** Configuration for cloud-init, put on a small FAT disk as its NoCloud source reads it. */
export const CloudInit = z
  .strictObject({
    config: CloudConfigId.optional().meta({ description: 'A saved configuration to take; see `cloud-config list`.' }),
    user: text('user-data. {name}, {index} and {uuid} are replaced. Instead of that of the saved configuration.')
      .max(256 * 1024)
      .optional(),
    network: text('network-config; left to the image when left out. Replaced as in user-data.')
      .max(64 * 1024)
      .optional(),
    storage: StorageId.optional().meta({
      description: 'Where the disk shall be; where the first disk is when left out.',
    }),
  })
  .refine(({ config, user }) => config !== undefined || user !== undefined, {
    error: 'Say the user-data, or which saved configuration to take.',
    path: ['user'],
  })
  .meta({ id: 'CloudInit', description: 'Configuration for cloud-init.' })

export const vmCreateActions = {
  create: creation({
    type: 'template',
    from: 'template',
    path: '/vms',
    title: 'Create a VM from NAME',
    summary: 'Create a VM from a template',
    input: z.strictObject({
      template: TemplateId,
      name: text('Name. {index} is replaced when several are made.').min(1).max(1000),
      description: text('Text for people.').max(10_000).optional(),
      tags: z.array(z.string().min(1).max(200)).max(100).default([]).meta({ description: 'Its tags.' }),
      count: z.int().min(1).max(100).default(1).meta({ description: 'How many to make.', unit: 'count' }),
      first: z.int().min(0).default(1).meta({ description: 'The first {index}.' }),
      vcpus: z
        .int()
        .min(1)
        .max(256)
        .optional()
        .meta({ description: 'Virtual processors; as in the template when left out.', unit: 'count' }),
      perSocket: z.int().min(1).max(64).optional().meta({ description: 'Cores in each socket that the guest sees.' }),
      memory: bytes('Memory in bytes; as in the template when left out.')
        .min(4 * mib)
        .optional(),
      firmware: word(['bios', 'uefi'], 'How it boots; as in the template when left out.').optional(),
      secureBoot: flag('Boots only what is signed.').optional(),
      tpm: flag('Gets a virtual TPM.').default(false),
      storage: StorageId.optional().meta({
        description:
          'Where the disks of the template are copied to in full; cloned quickly where they are when left out.',
      }),
      templateDisks: z
        .array(
          z.strictObject({
            disk: DiskId,
            size: bytes('Larger virtual size, in bytes.').optional(),
            name: text('Name.').min(1).max(1000).optional(),
          }),
        )
        .max(64)
        .default([])
        .meta({ description: 'What differs in the disks that come with the template.' }),
      disks: z.array(NewDisk).max(64).default([]).meta({ description: 'Disks beside those of the template.' }),
      nics: z.array(NewNic).max(16).optional().meta({ description: 'Its NICs; as in the template when left out.' }),
      media: DiskId.optional().meta({ description: 'Installation media in its CD drive.' }),
      networkBoot: flag('Boots from the network first.').default(false),
      cloudInit: CloudInit.optional(),
      host: HostId.optional().meta({ description: 'The host that it prefers.' }),
      autoStart: flag('Starts with its host or pool.').default(false),
      options: z.strictObject(vmOptions).optional().meta({ description: 'Other options of it; see `vm update`.' }),
      biosOf: HostId.optional().meta({
        description: 'The host whose BIOS strings it gets, for guests that are licensed for that machine.',
      }),
      start: flag('Start it when it is made.').default(false),
    }),
    needs: { storage: 'disk:create', host: 'host:read', media: 'disk:read', biosOf: 'host:read' },
    errors: ['cloud_config.not_found'],
    permission: 'vm:create',
    can: templateCan.createVm,
    cli: { verb: 'vm create', args: ['template', 'name'] },
  }),
} as const
