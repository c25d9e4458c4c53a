import { VmId } from '../ids/resource-id.ts'
import { readEndpoints } from '../list/read-endpoints.ts'
import { Vm } from './vm.ts'

/** Reading vms. */
export const vmEndpoints = readEndpoints({
  type: 'vm',
  plural: 'vms',
  schema: Vm,
  id: VmId,
  columns: ['name', 'power', 'host', 'vcpus', 'memory', 'diskSize', 'ips', 'tags', 'id'],
})
