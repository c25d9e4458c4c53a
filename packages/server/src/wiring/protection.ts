import { parsePointId, type ConnectionId, type JobId, type Point } from '@nixen/api'
import type { Jobs } from '../jobs/jobs.ts'
import { Protection } from '../protect/protection.ts'
import { jobWants } from '../protect/selected-vms.ts'
import { startStrayJanitor } from '../protect/stray-janitor.ts'
import { keepInOrder } from '../repositories/keep-in-order.ts'
import { neededByReplicas } from './replicas.ts'
import type { Base } from './base.ts'
import type { JobRooms } from './jobs.ts'

/** What looks after backups between the runs of jobs: their state on each VM, and what they left on hosts. */
export function startProtection({ clock, log, parts }: Base, jobs: Jobs, { live, stores, people }: JobRooms): void {
  const { inventory, session } = live
  const { repositories, catalogue } = stores
  const strayPorts = {
    connections: () => [...inventory.all('connection')].flatMap(({ id, state }) => (state === 'connected' ? [id] : [])),
    protect: (id: ConnectionId) => session(id).protect,
    repositories,
    content: async ({ id, repository }: Point, signal: AbortSignal) =>
      (await repositories.run('content', repository, { snapshot: parsePointId(id)?.snapshot ?? '' }, { signal })).vm,
    otherTokens: neededByReplicas(live, jobs),
    busy: async () => (await jobs.all()).some(({ id }) => jobs.isRunning(id)),
    wants: async () => await jobWants({ inventory, clock, authenticator: people.authenticator }, await jobs.all()),
    onJobGone: (listener: (id: JobId) => void) => jobs.onRemoved(listener),
  }
  parts.use(startStrayJanitor({ ...strayPorts, clock, log }))
  parts.use(new Protection({ inventory, jobs, catalogue, authenticator: people.authenticator, clock, log }))
}

/** Checks and prunes repositories in their windows. */
export function startUpkeep({ clock, log, parts }: Base, { stores, work }: Pick<JobRooms, 'stores' | 'work'>): void {
  parts.use(keepInOrder({ repositories: stores.repositories, tasks: work.tasks, clock, log }))
}
