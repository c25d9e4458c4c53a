import { z } from 'zod'
import { CloudConfigId } from '../ids/own-id.ts'
import { text, time } from '../schema/fields.ts'

/** A saved configuration for cloud-init. Its texts are templates: {name}, {index} and {uuid} are replaced when a VM is made. */
export const CloudConfig = z
  .strictObject({
    id: CloudConfigId,
    name: text('Name.'),
    description: text('Text for people.').optional(),
    user: text('user-data.'),
    network: text('network-config; left to the image when absent.').optional(),
    created: time('When it was saved.'),
  })
  .meta({ id: 'CloudConfig', description: 'A saved configuration for cloud-init.' })
export type CloudConfig = z.infer<typeof CloudConfig>
