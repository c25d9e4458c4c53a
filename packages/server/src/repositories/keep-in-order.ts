import type { RepositoryId } from '@nixen/api'
import { messageOf, type Clock, type Log } from '@nixen/core'
import type { Tasks } from '../tasks/tasks.ts'
import { dueMaintenance } from './due-maintenance.ts'
import type { Repositories } from './repositories.ts'
import { runMaintenance } from './run-maintenance.ts'

export interface KeeperPorts {
  readonly repositories: Repositories
  readonly tasks: Tasks
  readonly clock: Clock
  readonly log: Log
}

/** Milliseconds between two looks for what is due. */
const lookEvery = 5 * 60_000
/** What failed is tried again after so long, while the window is open. */
const againAfter = 60 * 60_000

/** Checks and prunes repositories when it is due, each as a task; one thing at a time in each. */
export function keepInOrder({ repositories, tasks, clock, log }: KeeperPorts): AsyncDisposable {
  const stop = new AbortController()
  const busy = new Set<RepositoryId>()
  const notBefore = new Map<RepositoryId, number>()
  const look = async (): Promise<void> => {
    for (const repository of repositories.all()) {
      const { id } = repository
      if (busy.has(id) || clock.now() < (notBefore.get(id) ?? 0)) continue
      const [work] = dueMaintenance(repository, clock.now())
      if (!work) continue
      busy.add(id)
      const task = await runMaintenance({ repositories, tasks }, repository, { work })
      void follow(id, task.id)
    }
  }
  const follow = async (id: RepositoryId, task: Parameters<Tasks['ended']>[0]): Promise<void> => {
    const ended = await tasks.ended(task)
    busy.delete(id)
    if (ended?.state !== 'succeeded') notBefore.set(id, clock.now() + againAfter)
  }
  const rounds = (async () => {
    for (;;) {
      await clock.sleep(lookEvery, { signal: stop.signal })
      await look().catch((error: unknown) =>
        log.error('repositories could not be looked after', { error: messageOf(error) }),
      )
    }
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) log.error('repositories are not looked after any more', { error: messageOf(error) })
  })
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await rounds
    },
  }
}
