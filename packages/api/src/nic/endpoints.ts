import { NicId } from '../ids/resource-id.ts'
import { readEndpoints } from '../list/read-endpoints.ts'
import { Nic } from './nic.ts'

/** Reading nics. */
export const nicEndpoints = readEndpoints({
  type: 'nic',
  plural: 'nics',
  schema: Nic,
  id: NicId,
  columns: ['name', 'kind', 'vm', 'host', 'network', 'mac', 'ips', 'attached', 'id'],
})
