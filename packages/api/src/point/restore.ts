import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { ConnectionId } from '../ids/own-id.ts'
import { NetworkId, StorageId, VmId } from '../ids/resource-id.ts'
import { bytes, flag, text, word } from '../schema/fields.ts'
import { TaskRef } from '../task/task.ts'
import { PointId } from './point.ts'

const params = z.strictObject({ id: PointId })

/** How a restore point shall come back. */
export const RestoreWish = z
  .strictObject({
    connection: ConnectionId.optional().meta({
      description: 'Where to: the connection that it was taken from when left out.',
    }),
    identity: word(
      ['new', 'same', 'into'],
      'new: a VM of its own beside the old one; same: takes the place of one that is lost (its MAC addresses, its line of backups); into: the disks of an existing VM that is off.',
    ).default('new'),
    vm: VmId.optional().meta({ description: 'Of `into`: the VM whose disks are replaced.' }),
    name: text('Name of the new VM; the old one when left out.').min(1).max(1000).optional(),
    disks: z
      .array(z.string())
      .max(64)
      .optional()
      .meta({ description: 'Keys of the disks to restore; all when left out.' }),
    storage: StorageId.optional().meta({
      description: 'Where disks go; where they were, or the default storage, when left out.',
    }),
    storageOf: z.record(z.string(), StorageId).optional().meta({ description: 'Where single disks go, by key.' }),
    networkOf: z.record(z.string(), NetworkId.nullable()).optional().meta({
      description:
        'Networks by the key of the old one; null leaves the NIC out. The same or one of the same name when left out.',
    }),
    macs: word(['keep', 'new'], 'Whether NICs keep their addresses; as fits the identity when left out.').optional(),
    tags: z.array(z.string().min(1).max(200)).max(100).optional().meta({ description: 'Tags to add.' }),
    start: flag('Start it when it is whole.').default(false),
    keepReplaced: flag('Of `into`: the replaced disks stay, detached.').default(true),
  })
  .meta({ id: 'RestoreWish', description: 'How a restore point shall come back.' })
export type RestoreWish = z.infer<typeof RestoreWish>

/** What a restore will do. */
export const RestorePreview = z
  .strictObject({
    name: text('Name of the VM.'),
    disks: z.array(
      z.strictObject({
        key: text('Key of the disk.'),
        name: text('Name.'),
        size: bytes('Virtual size.'),
        storage: StorageId,
        mode: word(
          ['whole', 'difference'],
          'whole: a new disk is filled; difference: only what differs is written, into a copy.',
        ),
        replaces: text('The disk whose place it takes.').optional(),
      }),
    ),
    nics: z.array(
      z.strictObject({
        position: text('Place.'),
        network: NetworkId.nullable().meta({ description: 'null: the NIC is left out.' }),
        mac: word(['keep', 'new'], 'Whether it keeps its address.'),
      }),
    ),
    notes: z.array(z.string()).meta({ description: 'What people may want to know.' }),
    problems: z.array(z.string()).meta({ description: 'Why it cannot be done like this; empty when it can.' }),
  })
  .meta({ id: 'RestorePreview', description: 'What a restore will do.' })
export type RestorePreview = z.infer<typeof RestorePreview>

const errors = [
  'point.not_found',
  'point.gone',
  'point.not_ours',
  'connection.not_found',
  'connection.not_connected',
  'connection.read_only',
  'repository.unavailable',
  'repository.wrong_password',
  'repository.worker_failed',
] as const

/** Getting VMs back. */
export const restoreEndpoints = {
  restorePlan: endpoint({
    method: 'POST',
    path: '/points/:id/restore-plan',
    summary: 'Show what a restore would do',
    params,
    input: RestoreWish,
    output: RestorePreview,
    permission: 'point:restore',
    audit: 'point.restorePlan',
    errors,
    cli: { verb: 'point restore-plan', args: ['id'] },
  }),
  restore: endpoint({
    method: 'POST',
    path: '/points/:id/restore',
    summary: 'Restore a VM from a restore point',
    description:
      'The VM cannot be started, and its name says what it is, until all of it is there. What fails is taken back.',
    params,
    input: RestoreWish,
    output: TaskRef,
    permission: 'point:restore',
    audit: 'point.restore',
    errors,
    cli: { verb: 'point restore', args: ['id'] },
  }),
  download: endpoint({
    method: 'GET',
    path: '/points/:id/download',
    summary: 'Download a disk of a restore point as an image',
    description: 'Read from the repository while it is sent: nothing is stored in between.',
    params,
    input: z.strictObject({
      disk: text('Path of the disk as the restore point has it; needed when there are several.').max(1000).optional(),
      format: word(['raw', 'vhd', 'qcow2'], 'Format of the image.').default('raw'),
    }),
    download: 'application/octet-stream',
    permission: 'point:restore',
    audit: 'point.download',
    errors: [
      'point.not_found',
      'point.gone',
      'point.which_disk',
      'repository.unavailable',
      'repository.wrong_password',
      'repository.worker_failed',
    ],
    cli: { verb: 'point download', args: ['id'] },
  }),
} as const
