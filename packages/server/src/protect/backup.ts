import type { JobWork, RepositoryId } from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { Connections } from '../connections/connections.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { RunContext } from '../jobs/job-kind.ts'
import type { Repositories } from '../repositories/repositories.ts'
import type { RunRates } from './run-rates.ts'

/** What backups of VMs use. */
export interface BackupPorts {
  readonly inventory: Inventory
  readonly connections: Connections
  readonly repositories: Repositories
  readonly clock: Clock
  /** Restore points of a repository that were started and found good. */
  readonly verifiedIn?: ((repository: RepositoryId) => readonly string[]) | undefined
}

/** The same while a job runs. */
export interface BackingUpPorts extends BackupPorts {
  readonly rates: RunRates
}

export type BackupWork = Extract<JobWork, { kind: 'backup' }>

/** Tag of restore points of a job and schedule: retention counts those of one schedule only. */
export function jobTag({ job, schedule }: Pick<RunContext, 'job' | 'schedule'>): string {
  return schedule ? `${job.id}/${schedule.name}` : job.id
}
