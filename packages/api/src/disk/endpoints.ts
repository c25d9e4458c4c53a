import { DiskId } from '../ids/resource-id.ts'
import { readEndpoints } from '../list/read-endpoints.ts'
import { Disk } from './disk.ts'

/** Reading disks. */
export const diskEndpoints = readEndpoints({
  type: 'disk',
  plural: 'disks',
  schema: Disk,
  id: DiskId,
  columns: ['name', 'storage', 'size', 'used', 'vms', 'attached', 'id'],
})
