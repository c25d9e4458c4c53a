import { z } from 'zod'
import { action, creation } from '../action/action.ts'
import { HostId, StorageId } from '../ids/resource-id.ts'
import { flag, text } from '../schema/fields.ts'
import { hostCan } from '../host/capabilities.ts'
import { storageCan } from './capabilities.ts'

const storage = { type: 'storage', id: StorageId, plural: 'storages' } as const
const name = text('Name.').min(1).max(1000)
const path = text('Absolute path on the server or host.').startsWith('/').max(1000)
const server = text('Name or address of the server.').min(1).max(253)

const secret = (description: string) =>
  z.string().max(200).optional().meta({ description, format: 'password', writeOnly: true })

/** What a storage is made of, by kind. */
export const StorageSource = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('ext'),
      device: path.meta({ description: 'Block device of the host; it is erased.' }),
    }),
    z.strictObject({
      kind: z.literal('lvm'),
      device: path.meta({ description: 'Block device of the host; it is erased.' }),
    }),
    z.strictObject({
      kind: z.literal('nfs'),
      server,
      path: path.meta({ description: 'Exported path.' }),
      version: z.enum(['3', '4', '4.0', '4.1']).optional().meta({ description: 'Version of NFS.' }),
      options: text('Mount options.').max(1000).optional(),
    }),
    z.strictObject({
      kind: z.literal('smb'),
      server: text('The share: //server/share.').startsWith('//').max(1000),
      username: text('User name.').max(200).optional(),
      password: secret('Password.'),
    }),
    z.strictObject({
      kind: z.literal('iscsi'),
      target: server.meta({ description: 'Address of the target.' }),
      iqn: text('Name of the target.').max(300),
      scsiId: text('SCSI id of the unit; it is erased.').max(300),
      username: text('CHAP user.').max(200).optional(),
      password: secret('CHAP password.'),
    }),
    z.strictObject({
      kind: z.literal('iso-nfs'),
      server,
      path,
      version: z.enum(['3', '4']).optional().meta({ description: 'Version of NFS.' }),
    }),
    z.strictObject({
      kind: z.literal('iso-smb'),
      server: text('The share: //server/share.').startsWith('//').max(1000),
      username: text('User name.').max(200).optional(),
      password: secret('Password.'),
    }),
    z.strictObject({ kind: z.literal('iso-local'), path: path.meta({ description: 'Folder on the host.' }) }),
    z.strictObject({ kind: z.literal('file'), path: path.meta({ description: 'Folder on the host.' }) }),
  ])
  .meta({ id: 'StorageSource', description: 'What a storage is made of, by kind.' })
export type StorageSource = z.infer<typeof StorageSource>

/** What can be done with storages. */
export const storageActions = {
  create: creation({
    type: 'host',
    from: 'host',
    path: '/storages',
    title: 'Create a storage on NAME',
    summary: 'Create a storage, or attach an existing one without erasing it',
    input: z.strictObject({
      host: HostId.meta({ description: 'Host that makes it; a shared one is attached to all hosts of the pool.' }),
      name,
      description: text('Text for people.').max(10_000).default(''),
      source: StorageSource,
      existing: text('Uuid of a storage that is there already (`storage probe`): it is attached, nothing is erased.')
        .max(36)
        .optional(),
      rootFileSystem: flag('A path on the root file system of the host is meant: it can fill up the host.').default(
        false,
      ),
    }),
    permission: 'storage:create',
    can: hostCan.update,
    cli: { verb: 'storage create', args: ['host', 'name'] },
  }),
  update: action({
    ...storage,
    name: '',
    method: 'PATCH',
    title: 'Change the storage NAME',
    summary: 'Change the name, description or tags of a storage',
    input: z.strictObject({
      name: name.optional(),
      description: text('Text for people.').max(10_000).optional(),
      tags: z.array(z.string().min(1).max(200)).max(100).optional().meta({ description: 'All its tags.' }),
    }),
    cli: { verb: 'storage update' },
    permission: 'storage:update',
    can: storageCan.update,
  }),
  scan: action({
    ...storage,
    name: 'scan',
    title: 'Scan the storage NAME',
    summary: 'Look for disks that came or went behind the host’s back',
    permission: 'storage:scan',
    can: storageCan.scan,
  }),
  connect: action({
    ...storage,
    name: 'connect',
    title: 'Connect the storage NAME',
    summary: 'Attach a storage to all hosts that should reach it',
    permission: 'storage:maintain',
    can: storageCan.connect,
  }),
  disconnect: action({
    ...storage,
    name: 'disconnect',
    title: 'Disconnect the storage NAME',
    summary: 'Detach a storage from all hosts; what it holds stays',
    permission: 'storage:maintain',
    can: storageCan.disconnect,
  }),
  enterMaintenance: action({
    ...storage,
    name: 'enter-maintenance',
    title: 'Put the storage NAME in maintenance',
    summary: 'Let nothing use a storage: what runs from it is moved or shut down, then it is detached from all hosts',
    description:
      'Refused with the names of the VMs that use it, unless it is said what becomes of them. When a step fails, it is attached again and the VMs that were shut down are started.',
    input: z.strictObject({
      moveTo: StorageId.optional().meta({
        description: 'Storage that disks of running VMs are moved to while they run; they stay there.',
      }),
      shutdown: flag('Shut down the VMs that use it; they are started again when the maintenance ends.').default(false),
      force: flag('With shutdown: those that do not listen (paused, without guest drivers) are switched off.').default(
        false,
      ),
    }),
    needs: { moveTo: 'disk:create' },
    permission: 'storage:maintain',
    can: storageCan.enterMaintenance,
  }),
  leaveMaintenance: action({
    ...storage,
    name: 'leave-maintenance',
    title: 'Take the storage NAME out of maintenance',
    summary: 'Attach a storage again as it was before its maintenance, and start the VMs that were shut down for it',
    input: z.strictObject({ start: flag('Start the VMs that were shut down for it.').default(true) }),
    permission: 'storage:maintain',
    can: storageCan.leaveMaintenance,
  }),
  makeDefault: action({
    ...storage,
    name: 'make-default',
    title: 'Make NAME the default storage',
    summary: 'Let new disks of the pool go to a storage',
    permission: 'storage:update',
    can: storageCan.makeDefault,
  }),
  reclaim: action({
    ...storage,
    name: 'reclaim',
    title: 'Reclaim room on NAME',
    summary: 'Give room that deleted disks took back to the array',
    permission: 'storage:maintain',
    can: storageCan.reclaim,
  }),
  forget: action({
    ...storage,
    name: 'forget',
    title: 'Forget the storage NAME',
    summary: 'Let the pool forget a detached storage; what it holds stays',
    permission: 'storage:delete',
    can: storageCan.forget,
  }),
  delete: action({
    ...storage,
    name: '',
    method: 'DELETE',
    title: 'Destroy the storage NAME',
    summary: 'Destroy an empty storage',
    cli: { verb: 'storage delete' },
    permission: 'storage:delete',
    can: storageCan.destroy,
  }),
} as const
