import { connectionOfId, jobErrors, judgeOn, vmCan, type VmId } from '@nixen/api'
import type { Inventory } from '../inventory/inventory.ts'
import type { JobKind } from '../jobs/job-kind.ts'
import { replicaTag, replicateVm, type ReplicatePorts, type ReplicateWork } from './replicate-vm.ts'

export interface ReplicateKindPorts extends ReplicatePorts {
  readonly inventory: Inventory
}

/** Jobs that keep copies of VMs on another storage or pool. */
export function replicateKind(ports: ReplicateKindPorts): JobKind<'replicate'> {
  const { inventory } = ports
  const storageName = ({ storage }: ReplicateWork): string => inventory.get('storage', storage)?.name ?? storage
  return {
    kind: 'replicate',
    typeOf: () => 'vm',
    check({ storage }) {
      // One that cannot be reached now may be there when the job runs.
      const found = inventory.get('storage', storage)
      if (!found && inventory.get('connection', connectionOfId(storage))?.state === 'connected')
        throw jobErrors.unsupported({ kind: 'replicate', reason: `there is no storage ${storage}.` })
    },
    describe: (work) => `Replicates to ${storageName(work)}`,
    refuse(_context, { id }) {
      const vm = inventory.get('vm', id)
      const connection = inventory.get('connection', connectionOfId(id))
      if (!vm) return 'The VM is gone.'
      if (vm.tags.includes(replicaTag)) return 'It is a replica itself.'
      // What it is busy with passes: the host says so, and the work is tried again.
      const { busy: _, ...calm } = vm
      const limits = { readOnly: connection?.readOnly === true, unsupported: connection?.unsupported }
      const verdict = judgeOn(limits, vmCan.snapshot, calm)
      return verdict.allowed ? undefined : verdict.reason
    },
    async work({ job }, { id }, task) {
      // Found by its kind, so that its work is of that kind, and its objects are VMs.
      return await replicateVm(ports, { id: id as VmId, work: job.work as ReplicateWork, job: job.id }, task)
    },
  }
}
