import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { ExportId } from '../ids/own-id.ts'
import { PointId } from '../point/point.ts'
import { ExportCredentials, ExportWish, PointExport } from './export.ts'

const params = z.strictObject({ id: ExportId })
const columns = ['vm', 'taken', 'state', 'over', 'writable', 'created', 'id']

/** Disks of restore points for NBD clients. */
export const exportEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/exports',
    summary: 'List disks of restore points that are given away',
    output: z.strictObject({ items: z.array(PointExport) }),
    permission: 'point:read',
    cli: { verb: 'export list', columns },
  }),
  get: endpoint({
    method: 'GET',
    path: '/exports/:id',
    summary: 'Show where NBD clients find the disks of an export',
    params,
    output: PointExport,
    permission: 'point:read',
    errors: ['export.not_found'],
    cli: { verb: 'export get', args: ['id'] },
  }),
  remove: endpoint({
    method: 'DELETE',
    path: '/exports/:id',
    summary: 'End an export; what was written to it is lost',
    params,
    permission: 'point:restore',
    audit: 'export.remove',
    errors: ['export.not_found'],
    cli: { verb: 'export remove', args: ['id'] },
  }),
} as const

/** Giving a restore point away. */
export const pointExportEndpoints = {
  export: endpoint({
    method: 'POST',
    path: '/points/:id/exports',
    summary: 'Give the disks of a restore point to NBD clients',
    description:
      'Read from the repository as they are asked for, so that they are there at once. The export stays until it is removed, also over restarts of the server, and no prune runs in its repository meanwhile.',
    params: z.strictObject({ id: PointId }),
    input: ExportWish,
    output: z.strictObject({
      export: PointExport,
      credentials: ExportCredentials.optional().meta({ description: 'Of tls; not told again.' }),
    }),
    permission: 'point:restore',
    audit: 'point.export',
    errors: [
      'point.not_found',
      'point.gone',
      'point.which_disk',
      'export.failed',
      'export.path_too_long',
      'repository.unavailable',
      'repository.wrong_password',
      'repository.worker_failed',
    ],
    cli: { verb: 'point export', args: ['id'] },
  }),
} as const
