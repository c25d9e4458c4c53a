import type { ProviderSession } from '@nixen/providers'
import type { Jobs } from '../jobs/jobs.ts'
import { replicaTokens } from '../replicate/replica-tokens.ts'
import type { Live } from './live.ts'

/** What replicas need to stay on the hosts of their sources; see `replicaTokens`. */
export function neededByReplicas({ inventory, session }: Pick<Live, 'inventory' | 'session'>, jobs: Jobs) {
  const connections = function* () {
    for (const { id, state } of inventory.all('connection')) {
      const open: ProviderSession | undefined = state === 'connected' ? session(id) : undefined
      yield { id, session: open }
    }
  }
  const idsOfJobs = async (): Promise<ReadonlySet<string>> => new Set((await jobs.all()).map(({ id }) => id))
  return async (signal: AbortSignal) => await replicaTokens({ connections, jobs: idsOfJobs }, signal)
}
