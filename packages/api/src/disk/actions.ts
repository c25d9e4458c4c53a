import { z } from 'zod'
import { action, creation } from '../action/action.ts'
import { DiskId, StorageId } from '../ids/resource-id.ts'
import { bytes, flag, text } from '../schema/fields.ts'
import { storageCan } from '../storage/capabilities.ts'
import { diskCan } from './capabilities.ts'

const disk = { type: 'disk', id: DiskId, plural: 'disks' } as const
const mib = 1024 * 1024
const name = text('Name.').min(1).max(1000)

/** What can be done with disks. They are attached to VMs by `vm attach-disk`. */
export const diskActions = {
  create: creation({
    type: 'storage',
    from: 'storage',
    path: '/disks',
    title: 'Create a disk on NAME',
    summary: 'Create an empty disk',
    input: z.strictObject({
      storage: StorageId,
      name,
      size: bytes('Virtual size in bytes.').min(mib),
      description: text('Text for people.').max(10_000).default(''),
      shareable: flag('Several VMs may write to it at once.').default(false),
    }),
    permission: 'disk:create',
    can: storageCan.createDisk,
    cli: { verb: 'disk create', args: ['storage', 'name', 'size'] },
  }),
  update: action({
    ...disk,
    name: '',
    method: 'PATCH',
    title: 'Change the disk NAME',
    summary: 'Change the name, description or tags of a disk',
    input: z.strictObject({
      name: name.optional(),
      description: text('Text for people.').max(10_000).optional(),
      tags: z.array(z.string().min(1).max(200)).max(100).optional().meta({ description: 'All its tags.' }),
    }),
    cli: { verb: 'disk update' },
    permission: 'disk:update',
    can: diskCan.update,
  }),
  resize: action({
    ...disk,
    name: 'resize',
    title: 'Resize the disk NAME',
    summary: 'Make a disk larger',
    input: z.strictObject({ size: bytes('New virtual size in bytes; a disk never gets smaller.').min(mib) }),
    cli: { args: ['size'] },
    permission: 'disk:resize',
    can: diskCan.resize,
  }),
  snapshot: action({
    ...disk,
    name: 'snapshot',
    title: 'Snapshot the disk NAME',
    summary: 'Keep the state of one disk',
    permission: 'disk:create',
    can: diskCan.snapshot,
  }),
  clone: action({
    ...disk,
    name: 'clone',
    title: 'Clone the disk NAME',
    summary: 'Make a disk with the same content, quickly, on the same storage',
    input: z.strictObject({ name: name.optional() }),
    permission: 'disk:create',
    can: diskCan.clone,
  }),
  copy: action({
    ...disk,
    name: 'copy',
    title: 'Copy the disk NAME',
    summary: 'Make a full copy of a disk on a storage of its pool',
    input: z.strictObject({ storage: StorageId, name: name.optional() }),
    cli: { args: ['storage'] },
    needs: { storage: 'disk:create' },
    permission: 'disk:export',
    can: diskCan.clone,
  }),
  migrate: action({
    ...disk,
    name: 'migrate',
    title: 'Move the disk NAME',
    summary: 'Move a disk to another storage of its pool, while its VM runs if it does',
    input: z.strictObject({ storage: StorageId }),
    cli: { args: ['storage'] },
    needs: { storage: 'disk:create' },
    permission: 'disk:migrate',
    can: diskCan.migrate,
  }),
  trackChanges: action({
    ...disk,
    name: 'track-changes',
    title: 'Track changes of the disk NAME',
    summary: 'Let the host note which blocks of a disk change, so that backups read only those',
    input: z.strictObject({ on: flag('Whether to.').default(true) }),
    permission: 'disk:update',
  }),
  delete: action({
    ...disk,
    name: '',
    method: 'DELETE',
    title: 'Delete the disk NAME',
    summary: 'Delete a disk with its content',
    cli: { verb: 'disk delete' },
    permission: 'disk:delete',
    can: diskCan.delete,
  }),
} as const
