import { z } from 'zod'
import { ConnectionId, ExportId } from '../ids/own-id.ts'
import { NetworkId, VmId } from '../ids/resource-id.ts'
import { PointId } from '../point/point.ts'
import { bytes, flag, text, time, word } from '../schema/fields.ts'

/** A disk that is given away. */
export const ExportedDisk = z
  .strictObject({
    path: text('Path of the disk in the restore point.'),
    name: text('Name of the NBD export.'),
    size: bytes('Virtual size.'),
    url: text('Where NBD clients find it: nbd+unix:// for a socket, nbds:// for TLS.'),
    overlay: bytes('Room that writes take on the server.').optional(),
  })
  .meta({ id: 'ExportedDisk', description: 'A disk of a restore point that NBD clients can open.' })
export type ExportedDisk = z.infer<typeof ExportedDisk>

/** Disks of a restore point that are given away. */
export const PointExport = z
  .strictObject({
    id: ExportId,
    point: PointId,
    vm: text('Name of the VM.'),
    taken: time('When the restore point was taken.'),
    disks: z.array(ExportedDisk),
    writable: flag('Writes are kept beside the restore point, which does not change.'),
    over: word(
      ['unix', 'tls'],
      'unix: a socket on the server; tls: TCP, for clients that show the certificate that was given out.',
    ),
    state: word(['starting', 'serving', 'failed'], 'failed: it is tried again, see the error.'),
    error: text('Why it is not there.').optional(),
    runs: VmId.optional().meta({ description: 'The VM that runs from it.' }),
    by: text('Who asked for it.').optional(),
    created: time('When it was made.'),
  })
  .meta({
    id: 'PointExport',
    description: 'Disks of a restore point that NBD clients can open, read from its repository.',
  })
export type PointExport = z.infer<typeof PointExport>

/** What a client of an export over TLS shows. Told once. */
export const ExportCredentials = z
  .strictObject({
    ca: text('PEM of the authority: ca-cert.pem of libnbd and QEMU.'),
    certificate: text('PEM of the client certificate: client-cert.pem.'),
    key: text('PEM of its key: client-key.pem. Keep it secret.'),
  })
  .meta({ id: 'ExportCredentials', description: 'What a client of an export over TLS shows.' })
export type ExportCredentials = z.infer<typeof ExportCredentials>

/** How disks of a restore point shall be given away. */
export const ExportWish = z
  .strictObject({
    disks: z
      .array(z.string().max(1000))
      .max(64)
      .optional()
      .meta({ description: 'Paths of the disks as the restore point has them; all when left out.' }),
    writable: flag('Clients may write: into files on the server, never into the restore point.').default(false),
    over: word(
      ['unix', 'tls'],
      'unix: a socket on the server; tls: TCP with certificates for this export alone.',
    ).default('unix'),
    address: text('Of tls: address of the server that clients connect to.')
      .regex(/^[0-9A-Za-z.:-]{1,255}$/, { error: 'A name or an address, without a port.' })
      .default('127.0.0.1'),
    port: z.int().min(0).max(65_535).default(0).meta({ description: 'Of tls: port; a free one when 0.' }),
  })
  .meta({ id: 'ExportWish', description: 'How disks of a restore point shall be given away.' })
export type ExportWish = z.infer<typeof ExportWish>

/** How a VM shall be started from a restore point. */
export const InstantWish = z
  .strictObject({
    connection: ConnectionId.optional().meta({
      description: 'Where it is started: the connection that it was taken from when left out.',
    }),
    name: text('Name of the new VM; the old one when left out.').min(1).max(1000).optional(),
    address: text('Address of the server as the host reaches it.')
      .regex(/^[0-9A-Za-z.:-]{1,255}$/, { error: 'A name or an address, without a port.' })
      .default('127.0.0.1'),
    networkOf: z.record(z.string(), NetworkId.nullable()).optional().meta({
      description:
        'Networks by the key of the old one; null leaves the NIC out. The same or one of the same name when left out.',
    }),
  })
  .meta({ id: 'InstantWish', description: 'How a VM shall be started from a restore point.' })
export type InstantWish = z.infer<typeof InstantWish>
