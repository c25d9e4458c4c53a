import { PoolId } from '../ids/resource-id.ts'
import { readEndpoints } from '../list/read-endpoints.ts'
import { Pool } from './pool.ts'

/** Reading pools. */
export const poolEndpoints = readEndpoints({
  type: 'pool',
  plural: 'pools',
  schema: Pool,
  id: PoolId,
  columns: ['name', 'kind', 'hosts', 'vms', 'running', 'memoryUsed', 'memory', 'version', 'id'],
})
