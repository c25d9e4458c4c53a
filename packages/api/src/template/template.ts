import { z } from 'zod'
import { ConnectionId } from '../ids/own-id.ts'
import { DiskId, PoolId, TemplateId } from '../ids/resource-id.ts'
import { bytes, count, flag, tags, text, time, word } from '../schema/fields.ts'

/** What VMs are made from. */
export const Template = z
  .strictObject({
    id: TemplateId,
    connection: ConnectionId,
    pool: PoolId,
    name: text('Name that people gave.'),
    description: text('Text that people wrote.').optional(),
    tags,
    default: flag('Came with the product: cannot be changed or deleted.'),
    vcpus: count('Virtual processors of a VM made from it.').optional(),
    memory: bytes('Memory of a VM made from it, in bytes.').optional(),
    firmware: word(['bios', 'uefi'], 'How a VM made from it boots.').optional(),
    os: text('System that it is for.').optional(),
    disks: z.array(DiskId).meta({ description: 'Disks that a new VM gets a copy of.' }),
    diskSize: bytes('Sum of their virtual sizes, in bytes.'),
    created: time('When it was made.').optional(),
  })
  .meta({ id: 'Template', description: 'What VMs are made from.' })
export type Template = z.infer<typeof Template>
