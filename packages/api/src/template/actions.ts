import { z } from 'zod'
import { action } from '../action/action.ts'
import { TemplateId } from '../ids/resource-id.ts'
import { text } from '../schema/fields.ts'
import { templateCan } from './capabilities.ts'

const template = { type: 'template', id: TemplateId, plural: 'templates' } as const

/** What can be done with templates. VMs are made from them by `vm create`. */
export const templateActions = {
  update: action({
    ...template,
    name: '',
    method: 'PATCH',
    title: 'Change the template NAME',
    summary: 'Change the name, description or tags of a template',
    input: z.strictObject({
      name: text('Name.').min(1).max(1000).optional(),
      description: text('Text for people.').max(10_000).optional(),
      tags: z.array(z.string().min(1).max(200)).max(100).optional().meta({ description: 'All its tags.' }),
    }),
    cli: { verb: 'template update' },
    permission: 'template:update',
    can: templateCan.update,
  }),
  clone: action({
    ...template,
    name: 'clone',
    title: 'Clone the template NAME',
    summary: 'Make a template that can be changed from another one',
    input: z.strictObject({ name: text('Name of the new one.').min(1).max(1000) }),
    cli: { args: ['name'] },
    permission: 'template:create',
    can: templateCan.clone,
  }),
  convertToVm: action({
    ...template,
    name: 'convert-to-vm',
    title: 'Make a VM of the template NAME',
    summary: 'Make a VM of a template, with its disks; the template is gone then',
    permission: 'vm:create',
    can: templateCan.delete,
  }),
  delete: action({
    ...template,
    name: '',
    method: 'DELETE',
    title: 'Delete the template NAME',
    summary: 'Delete a template with its disks',
    cli: { verb: 'template delete' },
    permission: 'template:delete',
    can: templateCan.delete,
  }),
} as const
