import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { HostId, StorageId, VmId } from '../ids/resource-id.ts'
import { word } from '../schema/fields.ts'
import { Stats, statsSpans } from './stats.ts'

const input = z.strictObject({
  span: word(statsSpans, 'How far back; also how fine: 5 s, 1 min, 1 h, 1 day.').default('10m'),
  series: z
    .array(z.string())
    .optional()
    .meta({ description: 'Only these, or those that begin with one of them and a dot.' }),
})
const reaching = [
  'connection.not_connected',
  'connection.unreachable',
  'connection.timeout',
  'connection.unsupported',
] as const

export const vmStats = endpoint({
  method: 'GET',
  path: '/vms/:id/stats',
  summary: 'Show what was measured of a VM',
  params: z.strictObject({ id: VmId }),
  input,
  output: Stats,
  permission: 'vm:read',
  errors: ['vm.not_found', ...reaching],
  cli: { verb: 'vm stats', args: ['id'] },
})

export const hostStats = endpoint({
  method: 'GET',
  path: '/hosts/:id/stats',
  summary: 'Show what was measured of a host',
  params: z.strictObject({ id: HostId }),
  input,
  output: Stats,
  permission: 'host:read',
  errors: ['host.not_found', ...reaching],
  cli: { verb: 'host stats', args: ['id'] },
})

export const storageStats = endpoint({
  method: 'GET',
  path: '/storages/:id/stats',
  summary: 'Show what was measured of a storage',
  params: z.strictObject({ id: StorageId }),
  input,
  output: Stats,
  permission: 'storage:read',
  errors: ['storage.not_found', ...reaching],
  cli: { verb: 'storage stats', args: ['id'] },
})
