import { HostId } from '../ids/resource-id.ts'
import { readEndpoints } from '../list/read-endpoints.ts'
import { Host } from './host.ts'

/** Reading hosts. */
export const hostEndpoints = readEndpoints({
  type: 'host',
  plural: 'hosts',
  schema: Host,
  id: HostId,
  columns: ['name', 'power', 'enabled', 'address', 'vms', 'memoryUsed', 'memory', 'pool', 'id'],
})
