import { z } from 'zod'
import { ConnectionId } from '../ids/own-id.ts'
import { HostId, PoolId, StorageId } from '../ids/resource-id.ts'
import { bytes, count, flag, tags, text, word } from '../schema/fields.ts'

/** A place for disks and images: an SR, a libvirt pool, a PVE storage. */
export const Storage = z
  .strictObject({
    id: StorageId,
    connection: ConnectionId,
    pool: PoolId,
    name: text('Name that people gave.'),
    description: text('Text that people wrote.').optional(),
    tags,
    kind: text("The provider's word for how it is made: ext, lvm, nfs, smb, iso, zfs, dir, rbd, …"),
    content: word(['disks', 'images', 'mixed', 'other'], 'What it is for: disks of VMs, installation images, both.'),
    state: word(['ok', 'degraded', 'detached'], 'Reachable from all hosts that should reach it, from some, from none.'),
    shared: flag('All hosts of the pool reach the same bytes.'),
    hosts: z.array(HostId).meta({ description: 'Hosts that it is attached to.' }),
    missing: z.array(HostId).optional().meta({ description: 'Hosts that should be attached and are not.' }),
    size: bytes('Room in all, in bytes.').optional(),
    used: bytes('Room that is taken, in bytes.').optional(),
    allocated: bytes('Sum of the virtual sizes of its disks, in bytes.').optional(),
    disks: count('Number of disks and images in it.'),
    default: flag('New disks of the pool go here.').optional(),
    thin: flag('A disk takes only what was written.').optional(),
    changeTracking: flag('Can say which blocks of a disk changed since a moment.').optional(),
    maintenance: flag('In maintenance: no VM may use it.').optional(),
  })
  .meta({ id: 'Storage', description: 'A place for disks and images.' })
export type Storage = z.infer<typeof Storage>
