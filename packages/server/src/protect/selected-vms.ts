import { parseId, type RepositoryId, type VmId } from '@nixen/api'
import { isAppError, type Clock } from '@nixen/core'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { StoredJob } from '../jobs/job-store.ts'
import { selectObjects } from '../jobs/select.ts'

export interface SelectedVmsPorts {
  readonly inventory: Inventory
  readonly authenticator: Pick<Authenticator, 'as'>
  readonly clock: Clock
}

/** VMs that the selection of a job finds now, with the eyes of its owner. */
export async function selectedVms(
  { inventory, clock, authenticator }: SelectedVmsPorts,
  job: StoredJob,
): Promise<readonly VmId[]> {
  try {
    const who = await authenticator.as(job.owner)
    // Only VMs were asked for.
    return selectObjects({ inventory, clock }, job.selection, { type: 'vm', who }).map(({ id }) => id as VmId)
  } catch (error) {
    // The owner is gone or the query fits no more: such a job protects nothing, and its runs say why.
    if (isAppError(error)) return []
    throw error
  }
}

/** The jobs that there are, and what backup jobs bring into each repository. */
export interface JobWants {
  readonly jobs: ReadonlySet<string>
  /** UUIDs of VMs, by repository. */
  readonly vms: ReadonlyMap<RepositoryId, ReadonlySet<string>>
}

export async function jobWants(ports: SelectedVmsPorts, jobs: readonly StoredJob[]): Promise<JobWants> {
  const vms = new Map<RepositoryId, Set<string>>()
  for (const job of jobs) {
    if (job.work.kind !== 'backup') continue
    const selected = (await selectedVms(ports, job)).flatMap((id) => parseId(id)?.key ?? [])
    for (const repository of job.work.repositories)
      vms.set(repository, new Set([...(vms.get(repository) ?? []), ...selected]))
  }
  return { jobs: new Set(jobs.map(({ id }) => id)), vms }
}
