import { z } from 'zod'
import { action } from '../action/action.ts'
import { SnapshotId, StorageId } from '../ids/resource-id.ts'
import { flag, text } from '../schema/fields.ts'
import { snapshotCan } from './capabilities.ts'

const snapshot = { type: 'snapshot', id: SnapshotId, plural: 'snapshots' } as const
const name = text('Name of the new VM; made from that of the snapshot when left out.').min(1).max(1000).optional()

/** What can be done with snapshots. */
export const snapshotActions = {
  update: action({
    ...snapshot,
    name: '',
    method: 'PATCH',
    title: 'Change the snapshot NAME',
    summary: 'Change the name, description or tags of a snapshot',
    input: z.strictObject({
      name: text('Name.').min(1).max(1000).optional(),
      description: text('Text for people.').max(10_000).optional(),
      tags: z.array(z.string().min(1).max(200)).max(100).optional().meta({ description: 'All its tags.' }),
    }),
    cli: { verb: 'snapshot update' },
    permission: 'snapshot:update',
    can: snapshotCan.update,
  }),
  revert: action({
    ...snapshot,
    name: 'revert',
    title: 'Go back to NAME',
    summary: 'Set its VM back to a snapshot',
    input: z.strictObject({
      keep: flag('Take a snapshot of how the VM is now first.').default(true),
      start: flag('Start the VM afterwards.').default(false),
    }),
    permission: 'vm:revert',
    can: snapshotCan.revert,
  }),
  clone: action({
    ...snapshot,
    name: 'clone',
    title: 'Make a VM from NAME',
    summary: 'Make a VM from a snapshot, quickly, on the same storage',
    input: z.strictObject({ name }),
    permission: 'vm:clone',
    can: snapshotCan.clone,
  }),
  copy: action({
    ...snapshot,
    name: 'copy',
    title: 'Copy NAME as a VM',
    summary: 'Make a VM with full copies of the disks of a snapshot',
    input: z.strictObject({
      name,
      storage: StorageId.optional().meta({ description: 'Where its disks shall be; where they are when left out.' }),
    }),
    needs: { storage: 'disk:create' },
    permission: 'vm:clone',
    can: snapshotCan.copy,
  }),
  delete: action({
    ...snapshot,
    name: '',
    method: 'DELETE',
    title: 'Delete the snapshot NAME',
    summary: 'Delete a snapshot with its disks',
    cli: { verb: 'snapshot delete' },
    permission: 'snapshot:delete',
    can: snapshotCan.delete,
  }),
} as const
