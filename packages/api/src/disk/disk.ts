import { z } from 'zod'
import { ConnectionId } from '../ids/own-id.ts'
import { DiskId, PoolId, SnapshotId, StorageId, VmId } from '../ids/resource-id.ts'
import { bytes, flag, tags, text, time, word } from '../schema/fields.ts'

/** A virtual disk or an image: a VDI, a libvirt volume, a PVE volume. */
export const Disk = z
  .strictObject({
    id: DiskId,
    connection: ConnectionId,
    pool: PoolId,
    storage: StorageId,
    name: text('Name that people gave, or the file name.'),
    description: text('Text that people wrote.').optional(),
    tags,
    kind: word(
      ['disk', 'image', 'suspend', 'system'],
      'A disk of VMs, installation media, saved memory, or the pool’s own.',
    ),
    size: bytes('Virtual size, in bytes.'),
    used: bytes('Room that it takes on its storage, in bytes.').optional(),
    format: text('How it is stored: vhd, qcow2, raw, …').optional(),
    vms: z.array(VmId).meta({ description: 'VMs that have it among their drives.' }),
    attached: flag('A running VM uses it.'),
    snapshotOf: DiskId.optional().meta({ description: 'The disk that this is a snapshot of.' }),
    snapshot: SnapshotId.optional().meta({ description: 'The VM snapshot that it belongs to.' }),
    snapshots: z.int().nonnegative().meta({ description: 'Number of its own snapshots.', unit: 'count' }),
    readOnly: flag('Nothing can write to it.').optional(),
    shareable: flag('Several VMs may write to it at once.').optional(),
    changeTracking: flag('Its changed blocks are tracked.').optional(),
    missing: flag('The storage no longer has it.').optional(),
    created: time('When it was made.').optional(),
    busy: z.array(z.string()).optional().meta({ description: 'What is being done to it now: the names of actions.' }),
  })
  .meta({ id: 'Disk', description: 'A virtual disk or an image.' })
export type Disk = z.infer<typeof Disk>
