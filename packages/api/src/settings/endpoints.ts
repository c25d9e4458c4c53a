import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { Setting } from './settings.ts'

const answer = z.strictObject({ items: z.array(Setting) })

export const settingsEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/settings',
    summary: 'List settings and where their values come from',
    output: answer,
    permission: 'settings:read',
    cli: { verb: 'settings list', columns: ['key', 'value', 'source', 'origin'] },
  }),
  update: endpoint({
    method: 'PATCH',
    path: '/settings',
    summary: 'Change settings, all of them or none',
    input: z.strictObject({
      values: z.record(z.string(), z.unknown()).meta({ description: 'New values by key; null for the default.' }),
    }),
    output: answer,
    permission: 'settings:update',
    audit: 'settings.update',
    errors: ['settings.unknown', 'settings.invalid', 'settings.read_only'],
  }),
} as const
