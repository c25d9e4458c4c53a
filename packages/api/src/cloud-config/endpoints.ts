import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { CloudConfigId } from '../ids/own-id.ts'
import { text } from '../schema/fields.ts'
import { CloudConfig } from './cloud-config.ts'

const params = z.strictObject({ id: CloudConfigId })
const kilo = 1024
const fields = {
  name: text('Name.').min(1).max(200),
  description: text('Text for people.').max(10_000).optional(),
  user: text('user-data. {name}, {index} and {uuid} are replaced when a VM is made.')
    .min(1)
    .max(256 * kilo),
  network: text('network-config; replaced as in user-data.')
    .max(64 * kilo)
    .optional(),
} as const

/** Saved configurations for cloud-init: what `vm create` takes as `cloudInit`. */
export const cloudConfigEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/cloud-configs',
    summary: 'List the saved configurations for cloud-init',
    output: z.strictObject({ items: z.array(CloudConfig) }),
    permission: 'template:read',
    cli: { verb: 'cloud-config list', columns: ['name', 'description', 'id'] },
  }),
  get: endpoint({
    method: 'GET',
    path: '/cloud-configs/:id',
    summary: 'Show a saved configuration for cloud-init',
    params,
    output: CloudConfig,
    permission: 'template:read',
    errors: ['cloud_config.not_found'],
    cli: { verb: 'cloud-config get', args: ['id'] },
  }),
  create: endpoint({
    method: 'POST',
    path: '/cloud-configs',
    summary: 'Save a configuration for cloud-init',
    input: z.strictObject(fields),
    output: CloudConfig,
    permission: 'template:create',
    audit: 'cloudConfig.create',
    errors: ['cloud_config.exists'],
    cli: { verb: 'cloud-config create', args: ['name', 'user'] },
  }),
  update: endpoint({
    method: 'PATCH',
    path: '/cloud-configs/:id',
    summary: 'Change a saved configuration for cloud-init; what is left out stays',
    params,
    input: z.strictObject(fields).partial(),
    output: CloudConfig,
    permission: 'template:update',
    audit: 'cloudConfig.update',
    errors: ['cloud_config.not_found', 'cloud_config.exists'],
    cli: { verb: 'cloud-config update', args: ['id'] },
  }),
  delete: endpoint({
    method: 'DELETE',
    path: '/cloud-configs/:id',
    summary: 'Delete a saved configuration for cloud-init; VMs that were made with it keep theirs',
    params,
    permission: 'template:delete',
    audit: 'cloudConfig.delete',
    errors: ['cloud_config.not_found'],
    cli: { verb: 'cloud-config delete', args: ['id'] },
  }),
} as const
