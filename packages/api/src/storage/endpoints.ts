import { StorageId } from '../ids/resource-id.ts'
import { readEndpoints } from '../list/read-endpoints.ts'
import { Storage } from './storage.ts'

/** Reading storages. */
export const storageEndpoints = readEndpoints({
  type: 'storage',
  plural: 'storages',
  schema: Storage,
  id: StorageId,
  columns: ['name', 'kind', 'state', 'shared', 'used', 'size', 'pool', 'id'],
})
