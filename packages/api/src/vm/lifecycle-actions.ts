import { z } from 'zod'
import { action } from '../action/action.ts'
import { HostId, NetworkId, NicId, DiskId, StorageId, VmId } from '../ids/resource-id.ts'
import { flag, text } from '../schema/fields.ts'
import { vmCan } from './capabilities.ts'

const vm = { type: 'vm', id: VmId, plural: 'vms' } as const
const network = NetworkId.optional().meta({
  description: 'Network of the pool it goes to, over which it moves; the one that is set for migrations when left out.',
})
const newName = text('Name of the new one; made from that of the VM when left out.').min(1).max(1000).optional()

/** Copies, moves and ends of VMs. */
export const vmLifecycleActions = {
  snapshot: action({
    ...vm,
    name: 'snapshot',
    title: 'Snapshot NAME',
    summary: 'Keep the state of the disks of a VM',
    input: z.strictObject({
      name: newName,
      description: text('Text for people.').optional(),
      quiesce: flag('Let the guest write everything first, where its agent can.').default(false),
    }),
    permission: 'vm:snapshot',
    can: vmCan.snapshot,
  }),
  snapshotWithMemory: action({
    ...vm,
    name: 'checkpoint',
    title: 'Snapshot NAME with its memory',
    summary: 'Keep the state of the disks and of the memory of a running VM',
    input: z.strictObject({ name: newName, description: text('Text for people.').optional() }),
    permission: 'vm:snapshot',
    can: vmCan.snapshotWithMemory,
  }),
  clone: action({
    ...vm,
    name: 'clone',
    title: 'Clone NAME',
    summary: 'Make a VM with the same disks, quickly, on the same storage',
    input: z.strictObject({ name: newName }),
    permission: 'vm:clone',
    can: vmCan.clone,
  }),
  copy: action({
    ...vm,
    name: 'copy',
    title: 'Copy NAME',
    summary: 'Make a VM with full copies of the disks',
    input: z.strictObject({
      name: newName,
      storage: StorageId.optional().meta({
        description: 'Where its disks shall be, in any pool; each on the storage of the original when left out.',
      }),
    }),
    needs: { storage: 'disk:create' },
    permission: 'vm:clone',
    can: vmCan.copy,
  }),
  convertToTemplate: action({
    ...vm,
    name: 'convert-to-template',
    title: 'Make a template of NAME',
    summary: 'Make a template of a halted VM',
    permission: 'template:create',
    can: vmCan.convertToTemplate,
  }),
  migrate: action({
    ...vm,
    name: 'migrate',
    title: 'Migrate NAME',
    summary: 'Move a running VM to another host of its pool',
    input: z.strictObject({ host: HostId.meta({ description: 'Where to.' }), network }),
    cli: { args: ['host'] },
    needs: { host: 'host:read', network: 'network:read' },
    permission: 'vm:migrate',
    can: vmCan.migrate,
  }),
  migrateStorage: action({
    ...vm,
    name: 'migrate-storage',
    title: 'Migrate NAME with its disks',
    summary: 'Move a VM with its disks, to other storages or to another pool',
    input: z.strictObject({
      host: HostId.meta({ description: 'Where to: a host of this pool or of another one.' }),
      storage: StorageId.optional().meta({
        description: 'Where its disks go; the default storage of the other pool when left out.',
      }),
      disks: z
        .array(z.strictObject({ disk: DiskId, storage: StorageId }))
        .max(64)
        .optional()
        .meta({ description: 'Disks that go elsewhere.' }),
      nics: z
        .array(z.strictObject({ nic: NicId, network: NetworkId }))
        .max(64)
        .optional()
        .meta({ description: 'Networks that the NICs get in the other pool; those of the same name when left out.' }),
      network,
    }),
    cli: { args: ['host'] },
    needs: { host: 'host:read', storage: 'disk:create', network: 'network:read' },
    permission: 'vm:migrate',
    can: vmCan.migrateStorage,
  }),
  delete: action({
    ...vm,
    name: '',
    method: 'DELETE',
    title: 'Delete NAME',
    summary: 'Delete a VM',
    description: 'GET /vms/:id/deletion says what goes and what stays.',
    input: z.strictObject({
      keepDisks: z
        .array(DiskId)
        .max(64)
        .default([])
        .meta({ description: 'Disks that stay, detached. All others that are its alone go with it.' }),
      snapshots: flag('Its snapshots go with it; otherwise a VM with snapshots is refused.').default(true),
    }),
    cli: { verb: 'vm delete' },
    permission: 'vm:delete',
    can: vmCan.delete,
  }),
} as const
