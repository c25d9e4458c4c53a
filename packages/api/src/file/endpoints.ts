import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { PointId } from '../point/point.ts'
import { bytes, count, flag, text, time, word } from '../schema/fields.ts'

/** A part of the disks of a restore point. */
export const Volume = z
  .strictObject({
    volume: text(
      'Names it: DISK/1 for a partition, DISK for a disk without partitions, GROUP/NAME for a volume of LVM.',
    ),
    size: bytes('In bytes.'),
    holds: text('What is on it: ext4, XFS, NTFS, FAT32; or the name of what cannot be read: swap, LUKS.'),
    label: text('Its label.'),
    uuid: text('Its UUID or serial number.'),
    free: bytes('Free room, where the file system keeps count of it.').optional(),
    readable: flag('Its files can be listed and downloaded.'),
    notes: z.array(z.string()).meta({ description: 'Why not, or what to know.' }),
  })
  .meta({ id: 'Volume', description: 'A part of the disks of a restore point.' })
export type Volume = z.infer<typeof Volume>

/** A file in a restore point. */
export const StoredFile = z
  .strictObject({
    path: text('From the root of the volume.'),
    name: text('Its name; bytes that are not UTF-8 are written \\xHH.'),
    kind: word(
      ['file', 'directory', 'link', 'other', 'damaged'],
      'other: a device, pipe or socket; damaged: the name is there, and what it names cannot be read.',
    ),
    size: bytes('Bytes of the content.'),
    mode: text('Permissions in octal; made up for NTFS and FAT, which have none.').optional(),
    uid: count('Number of the owner.').optional(),
    gid: count('Number of the group.').optional(),
    modified: time('When its content was changed.').optional(),
    created: time('When it was made.').optional(),
    target: text('What a link points to.').optional(),
    problem: text('Why it cannot be read.').optional(),
  })
  .meta({ id: 'StoredFile', description: 'A file in a restore point.' })
export type StoredFile = z.infer<typeof StoredFile>

const params = z.strictObject({ point: PointId })
const reaching = [
  'point.not_found',
  'point.gone',
  'file.damaged',
  'file.unsupported',
  'file.not_found',
  'file.no_volume',
  'file.not_a_directory',
  'file.too_many',
  'repository.unavailable',
  'repository.denied',
  'repository.storage_failed',
  'repository.wrong_password',
  'repository.not_a_repository',
  'repository.worker_failed',
  'repository.worker_memory',
  'repository.cancelled',
] as const
const volume = text('Which one; needed when several can be read.').max(300).optional()
const limit = z.int().min(1).max(200_000).default(10_000).meta({ description: 'Most items in the answer.' })
const files = z.strictObject({
  volume: text('The volume that they are on.'),
  notes: z.array(z.string()).meta({ description: 'What to know of it.' }),
  items: z.array(StoredFile),
  more: flag('There are more than the answer holds.'),
})

/** Files inside of the disks of restore points. */
export const fileEndpoints = {
  volumes: endpoint({
    method: 'GET',
    path: '/points/:point/volumes',
    summary: 'List the partitions and volumes in a restore point',
    description: 'Also of LVM over several disks. Nothing is mounted.',
    params,
    output: z.strictObject({ items: z.array(Volume) }),
    permission: 'point:restore',
    errors: reaching,
    cli: { verb: 'file volumes', args: ['point'], columns: ['volume', 'holds', 'label', 'size', 'readable', 'notes'] },
  }),
  list: endpoint({
    method: 'GET',
    path: '/points/:point/files',
    summary: 'List files in a restore point',
    description: 'What is in a directory, directories first. Links are shown, not followed.',
    params,
    input: z.strictObject({ path: text('From the root of the volume.').max(4096).default('/'), volume, limit }),
    output: files,
    permission: 'point:restore',
    errors: reaching,
    cli: {
      verb: 'file list',
      args: ['point', 'path'],
      columns: ['kind', 'mode', 'size', 'modified', 'name', 'target'],
    },
  }),
  search: endpoint({
    method: 'GET',
    path: '/points/:point/files/search',
    summary: 'Search files by name in a restore point',
    params,
    input: z.strictObject({
      name: text('Part of the name, or a pattern with * and ?; case does not matter.').min(1).max(255),
      path: text('Where to search.').max(4096).default('/'),
      volume,
      limit: limit.default(1000),
    }),
    output: files,
    permission: 'point:restore',
    errors: reaching,
    cli: { verb: 'file search', args: ['point', 'name'], columns: ['kind', 'size', 'modified', 'path'] },
  }),
  get: endpoint({
    method: 'GET',
    path: '/points/:point/files/download',
    summary: 'Download files from a restore point',
    description:
      'One file as it is, or files and directories as a tar or zip with modes, owners, times and links. What cannot be read is named in NIXEN-UNREADABLE.txt in it.',
    params,
    input: z.strictObject({
      paths: z
        .array(z.string().min(1).max(4096))
        .min(1)
        .max(1000)
        .meta({ description: 'From the root of the volume.' }),
      volume,
      format: word(['auto', 'raw', 'tar', 'zip'], 'auto: one file as it is, anything else as a zip.').default('auto'),
    }),
    download: 'application/octet-stream',
    permission: 'point:restore',
    audit: 'file.get',
    errors: reaching,
    cli: { verb: 'file get', args: ['point', 'paths'] },
  }),
} as const
