import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { PointId } from '../point/point.ts'
import { TaskRef } from '../task/task.ts'
import { CheckWish, PointCheck } from './verify.ts'

const params = z.strictObject({ id: PointId })

/** Health checks of restore points. */
export const verifyEndpoints = {
  verify: endpoint({
    method: 'POST',
    path: '/points/:id/verify',
    summary: 'Start a restore point where it reaches nothing, and see whether it is good',
    description:
      'The VM is restored beside the others, started with its NICs silenced, looked at, and removed whatever comes of it. The result is kept with the restore point.',
    params,
    input: CheckWish,
    output: TaskRef,
    permission: 'point:restore',
    audit: 'point.verify',
    errors: [
      'point.not_found',
      'point.gone',
      'point.not_ours',
      'verify.not_possible',
      'connection.not_found',
      'connection.not_connected',
      'connection.read_only',
      'repository.unavailable',
      'repository.wrong_password',
      'repository.worker_failed',
    ],
    cli: { verb: 'point verify', args: ['id'] },
  }),
  checks: endpoint({
    method: 'GET',
    path: '/points/:id/checks',
    summary: 'Show the health checks of a restore point, the newest first',
    params,
    output: z.strictObject({ items: z.array(PointCheck) }),
    permission: 'point:read',
    errors: ['point.not_found'],
    cli: { verb: 'point checks', args: ['id'], columns: ['time', 'state', 'demand', 'starting', 'os', 'reason', 'id'] },
  }),
  picture: endpoint({
    method: 'GET',
    path: '/points/:id/checks/:check/picture',
    summary: 'Show what the screen of a VM showed at a health check',
    params: z.strictObject({
      id: PointId,
      check: z
        .string()
        .regex(/^[0-9a-f]{64}$/, { error: 'Not the id of a health check: 64 hexadecimal digits.' })
        .meta({ description: 'Id of the health check.' }),
    }),
    download: 'image/png',
    // A screen may show what only those may see who can have its disks.
    permission: 'point:restore',
    audit: 'point.picture',
    errors: [
      'point.not_found',
      'verify.not_found',
      'verify.no_picture',
      'repository.unavailable',
      'repository.worker_failed',
    ],
    cli: { verb: 'point picture', args: ['id', 'check'] },
  }),
} as const
