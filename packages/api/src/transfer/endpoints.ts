import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import type { ErrorCode } from '../errors/catalogue.ts'
import { DiskId, SnapshotId, VmId } from '../ids/resource-id.ts'
import { bytes, text } from '../schema/fields.ts'
import { TaskRef } from '../task/task.ts'
import {
  DiskExport,
  DiskImport,
  DiskImportUrl,
  DiskOverwrite,
  NewUpload,
  UploadUse,
  VmExport,
  VmImport,
  VmImportUrl,
} from './inputs.ts'
import { Upload } from './upload.ts'

const anything = ['application/octet-stream'] as const
const binary = 'application/octet-stream'
const always = [
  'request.not_allowed',
  'connection.not_connected',
  'connection.read_only',
] as const satisfies readonly ErrorCode[]
const importing = [
  ...always,
  'storage.not_found',
  'transfer.wrong_storage',
  'transfer.checksum',
  'transfer.cut',
  'transfer.bad_image',
  'transfer.unknown_format',
  'transfer.cache_full',
] as const satisfies readonly ErrorCode[]
const fetching = ['transfer.url_not_allowed', 'transfer.source_failed'] as const satisfies readonly ErrorCode[]
const needsSize = 'transfer.size_needed' satisfies ErrorCode

const uploadNote = 'The answer comes when all is imported. What fails leaves nothing behind.'
const urlNote = 'The server fetches the file; redirections must lead to allowed hosts too.'

/** Import and export of VMs. */
export const vmTransfers = {
  export: endpoint({
    method: 'GET',
    path: '/vms/:id/export',
    summary: 'Export a VM with its disks',
    description: 'The VM must be halted or suspended; of a running one take a snapshot and export that.',
    params: z.strictObject({ id: VmId }),
    input: VmExport,
    download: binary,
    permission: 'vm:export',
    audit: 'vm.export',
    errors: ['vm.not_found', ...always, 'transfer.cache_full'],
    cli: { verb: 'vm export', args: ['id'] },
  }),
  import: endpoint({
    method: 'POST',
    path: '/vms/import',
    summary: 'Import a VM from an XVA or OVA file',
    description: uploadNote,
    input: VmImport,
    upload: anything,
    output: TaskRef,
    permission: 'vm:import',
    audit: 'vm.import',
    errors: [...importing, 'network.not_found'],
    cli: { verb: 'vm import' },
  }),
  importUrl: endpoint({
    method: 'POST',
    path: '/vms/import-url',
    summary: 'Import a VM from an XVA or OVA file on a web server',
    description: urlNote,
    input: VmImportUrl,
    output: TaskRef,
    permission: 'vm:import',
    audit: 'vm.importUrl',
    errors: [...importing, 'network.not_found', ...fetching],
    cli: { verb: 'vm import-url', args: ['url'] },
  }),
} as const

/** Export of snapshots. */
export const snapshotTransfers = {
  export: endpoint({
    method: 'GET',
    path: '/snapshots/:id/export',
    summary: 'Export a snapshot with its disks',
    description: 'An XVA of a snapshot becomes a template where it is imported, an OVA becomes a VM.',
    params: z.strictObject({ id: SnapshotId }),
    input: VmExport,
    download: binary,
    permission: 'snapshot:export',
    audit: 'snapshot.export',
    errors: ['snapshot.not_found', ...always, 'transfer.cache_full'],
    cli: { verb: 'snapshot export', args: ['id'] },
  }),
} as const

/** Import and export of disks. */
export const diskTransfers = {
  export: endpoint({
    method: 'GET',
    path: '/disks/:id/export',
    summary: 'Export the content of a disk',
    description: 'No running VM may use it; of one that is in use export a snapshot.',
    params: z.strictObject({ id: DiskId }),
    input: DiskExport,
    download: binary,
    permission: 'disk:export',
    audit: 'disk.export',
    errors: ['disk.not_found', ...always],
    cli: { verb: 'disk export', args: ['id'] },
  }),
  import: endpoint({
    method: 'POST',
    path: '/disks/import',
    summary: 'Import a disk image, or an installation image, into a new disk',
    description: uploadNote,
    input: DiskImport,
    upload: anything,
    output: TaskRef,
    permission: 'disk:import',
    audit: 'disk.import',
    errors: [...importing, needsSize],
    cli: { verb: 'disk import' },
  }),
  importUrl: endpoint({
    method: 'POST',
    path: '/disks/import-url',
    summary: 'Import a disk image, or an installation image, from a web server into a new disk',
    description: urlNote,
    input: DiskImportUrl,
    output: TaskRef,
    permission: 'disk:import',
    audit: 'disk.importUrl',
    errors: [...importing, needsSize, ...fetching],
    cli: { verb: 'disk import-url', args: ['url'] },
  }),
  overwrite: endpoint({
    method: 'PUT',
    path: '/disks/:id/content',
    summary: 'Import a disk image over a disk that no VM has',
    description:
      'The image must have a disk of the same size. What the disk held is lost as soon as it begins; a failure leaves it half written, and the task says so.',
    params: z.strictObject({ id: DiskId }),
    input: DiskOverwrite,
    upload: anything,
    output: TaskRef,
    permission: 'disk:import',
    audit: 'disk.overwrite',
    errors: ['disk.not_found', ...importing, needsSize, 'transfer.other_size', 'transfer.not_empty'],
    cli: { verb: 'disk overwrite', args: ['id'] },
  }),
} as const

const params = z.strictObject({ id: text('Id of the upload.').max(32) })
const notFound = 'transfer.upload_not_found' satisfies ErrorCode
const permission = 'disk:import'

/** Uploads that can be gone on with after a break, also of the server. */
export const uploadEndpoints = {
  list: endpoint({
    method: 'GET',
    path: '/uploads',
    summary: 'List your uploads that are not used yet',
    output: z.strictObject({ items: z.array(Upload) }),
    permission,
    cli: { verb: 'upload list', columns: ['name', 'offset', 'size', 'expires', 'id'] },
  }),
  create: endpoint({
    method: 'POST',
    path: '/uploads',
    summary: 'Begin an upload',
    input: NewUpload,
    output: Upload,
    permission,
    audit: 'upload.create',
    errors: ['transfer.cache_full'],
    cli: { verb: 'upload create', args: ['name', 'size'] },
  }),
  get: endpoint({
    method: 'GET',
    path: '/uploads/:id',
    summary: 'Show how far an upload is',
    params,
    output: Upload,
    permission,
    errors: [notFound],
    cli: { verb: 'upload get', args: ['id'] },
  }),
  append: endpoint({
    method: 'PATCH',
    path: '/uploads/:id',
    summary: 'Send more of an upload',
    description:
      'The body goes on at `offset`, which must be where the upload is. A break keeps what came: ask where it is, and go on there.',
    params,
    input: z.strictObject({ offset: bytes('Place of the first byte of the body.') }),
    upload: anything,
    output: Upload,
    permission,
    audit: 'upload.append',
    errors: [
      notFound,
      'transfer.wrong_offset',
      'transfer.upload_busy',
      'transfer.upload_too_long',
      'transfer.cut',
      'transfer.cache_full',
    ],
    cli: { verb: 'upload append', args: ['id', 'offset'] },
  }),
  use: endpoint({
    method: 'POST',
    path: '/uploads/:id/disk',
    summary: 'Make a disk or an installation image of an upload that is complete',
    description: 'The upload is removed when it has become a disk.',
    params,
    input: UploadUse,
    output: TaskRef,
    permission,
    audit: 'upload.use',
    errors: [notFound, 'transfer.upload_incomplete', 'transfer.upload_busy', ...importing],
    cli: { verb: 'upload use', args: ['id'] },
  }),
  remove: endpoint({
    method: 'DELETE',
    path: '/uploads/:id',
    summary: 'Remove an upload',
    params,
    permission,
    audit: 'upload.remove',
    errors: [notFound, 'transfer.upload_busy'],
    cli: { verb: 'upload remove', args: ['id'] },
  }),
} as const
