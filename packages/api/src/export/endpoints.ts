import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { ExportId } from '../ids/own-id.ts'
import { StorageId } from '../ids/resource-id.ts'
import { PointId } from '../point/point.ts'
import { TaskRef } from '../task/task.ts'
import { ExportCredentials, ExportWish, InstantWish, PointExport } from './export.ts'

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
    errors: ['export.not_found', 'export.in_use'],
    cli: { verb: 'export remove', args: ['id'] },
  }),
  move: endpoint({
    method: 'POST',
    path: '/exports/:id/move',
    summary: 'Move the disks of a VM that runs from an export to a storage, while it runs',
    description: 'What was written since it was started comes along. The export ends when everything is there.',
    params,
    input: z.strictObject({ storage: StorageId.meta({ description: 'Where the disks go.' }) }),
    output: TaskRef,
    permission: 'point:restore',
    audit: 'export.move',
    errors: ['export.not_found', 'export.no_vm', 'export.not_possible', 'connection.not_connected'],
    cli: { verb: 'export move', args: ['id', 'storage'] },
  }),
} as const

/** Giving a restore point away. */
export const pointExportEndpoints = {
  start: endpoint({
    method: 'POST',
    path: '/points/:id/start',
    summary: 'Start a VM from the repository, without restoring it first',
    description:
      'Its disks are read from the repository as the guest asks for them, and what it writes is kept on the server. "export move" brings them to a storage while it runs.',
    params: z.strictObject({ id: PointId }),
    input: InstantWish,
    output: TaskRef,
    permission: 'point:restore',
    audit: 'point.start',
    errors: [
      'point.not_found',
      'point.gone',
      'point.not_ours',
      'export.not_possible',
      'export.failed',
      'connection.not_found',
      'connection.not_connected',
      'connection.read_only',
      'repository.unavailable',
      'repository.wrong_password',
      'repository.worker_failed',
    ],
    cli: { verb: 'point start', args: ['id'] },
  }),
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
