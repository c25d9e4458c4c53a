import { z } from 'zod'
import { ConnectionId } from '../ids/own-id.ts'
import { DiskId, PoolId, SnapshotId, VmId } from '../ids/resource-id.ts'
import { bytes, flag, tags, text, time } from '../schema/fields.ts'

/** A VM at one moment, kept by its host. */
export const Snapshot = z
  .strictObject({
    id: SnapshotId,
    connection: ConnectionId,
    pool: PoolId,
    vm: VmId.optional().meta({ description: 'The VM that it is of; absent when that VM is gone.' }),
    name: text('Name that people gave.'),
    description: text('Text that people wrote.').optional(),
    tags,
    created: time('When it was made.'),
    memory: flag('Holds the memory too: going back to it resumes the VM.'),
    parent: SnapshotId.optional().meta({ description: 'The snapshot that the VM was at when this one was made.' }),
    current: flag('The VM was last at this one.').optional(),
    disks: z.array(DiskId).meta({ description: 'Its disks.' }),
    used: bytes('Room that its disks take, in bytes.').optional(),
    busy: z.array(z.string()).optional().meta({ description: 'What is being done to it now: the names of actions.' }),
  })
  .meta({ id: 'Snapshot', description: 'A VM at one moment, kept by its host.' })
export type Snapshot = z.infer<typeof Snapshot>
