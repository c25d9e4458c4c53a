import { z } from 'zod'
import { endpoint } from '../contract/endpoint.ts'
import { HostId } from '../ids/resource-id.ts'
import { bytes, text, word } from '../schema/fields.ts'

/** What is known of the place of a storage so far. */
export const StoragePlace = z
  .strictObject({
    kind: word(['nfs', 'smb', 'iscsi', 'ext', 'lvm', 'file'], 'Kind of the storage.'),
    server: text('NFS: the server; SMB: //server/share; iSCSI: address of the target.').max(1000).optional(),
    path: text('NFS: the exported path; file: the folder.').max(1000).optional(),
    iqn: text('iSCSI: name of the target.').max(300).optional(),
    scsiId: text('iSCSI: SCSI id of the unit.').max(300).optional(),
    device: text('ext and lvm: block device of the host.').max(1000).optional(),
    username: text('SMB and iSCSI: user.').max(200).optional(),
    password: text('SMB and iSCSI: password.')
      .max(200)
      .meta({ description: 'SMB and iSCSI: password.', writeOnly: true })
      .optional(),
  })
  .meta({ id: 'StoragePlace', description: 'What is known of the place of a storage so far.' })
export type StoragePlace = z.infer<typeof StoragePlace>

/** What a host finds at a place. */
export const StorageFinding = z
  .strictObject({
    storages: z
      .array(
        z.strictObject({
          uuid: text('Its uuid: `existing` of `storage create` attaches it without erasing anything.'),
          name: text('Its name, where it is told.').optional(),
          size: bytes('Room in all.').optional(),
        }),
      )
      .meta({ description: 'Storages that are there already.' }),
    next: z
      .strictObject({
        field: word(['path', 'iqn', 'scsiId'], 'What has to be said next.'),
        choices: z
          .array(z.strictObject({ value: text('What to say.'), label: text('For people.') }))
          .meta({ description: 'What there is.' }),
      })
      .optional()
      .meta({ description: 'The place is not known whole yet: what could be asked for next.' }),
  })
  .meta({ id: 'StorageFinding', description: 'What a host finds at a place.' })
export type StorageFinding = z.infer<typeof StorageFinding>

/** Looking for storages. */
export const storageProbeEndpoints = {
  probe: endpoint({
    method: 'POST',
    path: '/storages/probe',
    summary: 'Look what is at a place: exports, targets, units, and storages that can be attached again',
    description: 'Writes nothing. Ask step by step: each answer says what could be said next.',
    input: z.strictObject({ host: HostId.meta({ description: 'The host that looks.' }), place: StoragePlace }),
    output: StorageFinding,
    permission: 'storage:create',
    audit: 'storage.probe',
    errors: ['host.not_found', 'connection.not_connected', 'connection.provider'],
    cli: { verb: 'storage probe', args: ['host'] },
  }),
} as const
