import { TemplateId } from '../ids/resource-id.ts'
import { readEndpoints } from '../list/read-endpoints.ts'
import { Template } from './template.ts'

/** Reading templates. */
export const templateEndpoints = readEndpoints({
  type: 'template',
  plural: 'templates',
  schema: Template,
  id: TemplateId,
  columns: ['name', 'vcpus', 'memory', 'diskSize', 'default', 'pool', 'id'],
})
