import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { listInput, pageOf } from '../list/list.ts'
import { count } from '../schema/fields.ts'
import { Point, PointDetail, PointId } from './point.ts'

const params = z.strictObject({ id: PointId })
const reaching = [
  'point.not_found',
  'point.gone',
  'repository.unavailable',
  'repository.denied',
  'repository.storage_failed',
  'repository.wrong_password',
  'repository.not_a_repository',
  'repository.worker_failed',
  'repository.worker_memory',
  'repository.cancelled',
] as const

export const pointEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/points',
    summary: 'List restore points, newest first',
    description: 'By name, UUID, address, tag, date, repository: `web ip:10.0.0.5 time:<7d repository:nas`.',
    input: z.strictObject(listInput),
    output: pageOf(Point),
    permission: 'point:read',
    errors: ['query.invalid', 'query.bad_sort', 'query.bad_cursor'],
    cli: { verb: 'point list', columns: ['time', 'name', 'repository', 'size', 'tags', 'id'] },
  }),
  get: endpoint({
    method: 'GET',
    path: '/points/:id',
    summary: 'Show one restore point and what is inside',
    params,
    output: PointDetail,
    permission: 'point:read',
    errors: reaching,
    cli: { verb: 'point get', args: ['id'] },
  }),
  forget: endpoint({
    method: 'POST',
    path: '/points/forget',
    summary: 'Forget restore points',
    description: 'Exactly these, be they the last of their VM. The room becomes free with the next prune.',
    input: z.strictObject({ ids: z.array(PointId).min(1).max(1000).meta({ description: 'Which ones.' }) }),
    output: z.strictObject({ forgotten: count('How many were there and are gone now.') }),
    permission: 'point:forget',
    audit: 'point.forget',
    errors: ['repository.locked', ...reaching],
    cli: { verb: 'point forget', args: ['ids'] },
  }),
} as const
