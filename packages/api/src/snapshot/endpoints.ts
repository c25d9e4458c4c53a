import { SnapshotId } from '../ids/resource-id.ts'
import { readEndpoints } from '../list/read-endpoints.ts'
import { Snapshot } from './snapshot.ts'

/** Reading snapshots. */
export const snapshotEndpoints = readEndpoints({
  type: 'snapshot',
  plural: 'snapshots',
  schema: Snapshot,
  id: SnapshotId,
  columns: ['name', 'vm', 'created', 'memory', 'used', 'id'],
})
