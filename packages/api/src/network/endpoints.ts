import { NetworkId } from '../ids/resource-id.ts'
import { readEndpoints } from '../list/read-endpoints.ts'
import { Network } from './network.ts'

/** Reading networks. */
export const networkEndpoints = readEndpoints({
  type: 'network',
  plural: 'networks',
  schema: Network,
  id: NetworkId,
  columns: ['name', 'kind', 'bridge', 'vlan', 'nics', 'pool', 'id'],
})
