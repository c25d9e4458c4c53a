import { repositoryErrors, type Repository, type Task, type UserId } from '@nixen/api'
import type { ReadData } from '@nixen/backup'
import { formatBytes } from '@nixen/core'
import type { Tasks } from '../tasks/tasks.ts'
import type { MaintenanceWork } from './due-maintenance.ts'
import type { Repositories } from './repositories.ts'
import { toTask } from './to-task.ts'

/** What is done, and how much of it. */
export interface MaintenanceRequest {
  readonly work: MaintenanceWork
  readonly by?: UserId | undefined
  /** How much of the data a check reads; as in the repository's settings when left out. */
  readonly read?: ReadData | undefined
  readonly maxUnused?: number | undefined
}

/** Begins a check or a prune as a task. */
export async function runMaintenance(
  { repositories, tasks }: { readonly repositories: Repositories; readonly tasks: Tasks },
  { id, name, maintenance }: Repository,
  { work, by, read, maxUnused = maintenance.maxUnused }: MaintenanceRequest,
): Promise<Task> {
  if (work === 'prune') {
    return await tasks.run({ name: `Prune ${name}`, action: 'repository.prune', on: [], by }, async (task) => {
      const done = await repositories.run('prune', id, { execute: true, maxUnused }, toTask(task))
      task.log(`${formatBytes(done.freedBytes)} are free now; ${done.removedPacks} packs were removed.`)
      await repositories.count(id, toTask(task))
    })
  }
  const share = maintenance.checkShare
  const wanted: ReadData = read ?? (share > 0 ? { kind: 'share', share } : { kind: 'none' })
  return await tasks.run({ name: `Check ${name}`, action: 'repository.check', on: [], by }, async (task) => {
    const {
      ok,
      findings,
      packs,
      snapshots,
      read: done,
    } = await repositories.run('check', id, { read: wanted }, toTask(task))
    for (const { message } of findings.slice(0, 100)) task.log(message)
    task.log(
      `${ok ? 'Nothing is damaged' : 'There is damage'}: ${snapshots} restore points, ${packs} packs, ${formatBytes(done.bytes)} of data read.`,
    )
    const [first] = findings
    if (!ok) throw repositoryErrors.damaged({ name, findings: findings.length, first: first?.message ?? '' })
  })
}
