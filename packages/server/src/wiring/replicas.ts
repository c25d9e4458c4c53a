import type { ProviderSession } from '@nixen/providers'
import { replicaTokens } from '../replicate/replica-tokens.ts'
import type { Live } from './live.ts'

/** What replicas need to stay on the hosts of their sources; see `replicaTokens`. */
export function neededByReplicas({ inventory, session }: Pick<Live, 'inventory' | 'session'>) {
  const connections = function* () {
    for (const { id, state } of inventory.all('connection')) {
      const open: ProviderSession | undefined = state === 'connected' ? session(id) : undefined
      yield { id, session: open }
    }
  }
  return async (signal: AbortSignal) => await replicaTokens({ connections }, signal)
}
