import type { ConnectionId } from '@nixen/api'
import type { ChangeToken } from '@nixen/disk'
import type { ProviderSession } from '@nixen/providers'

export interface ReplicaTokenPorts {
  /** Ids of the jobs that there are: the replica of one that was deleted builds on nothing any more. */
  readonly jobs: () => Promise<ReadonlySet<string>>
  /** All connections; `session` is undefined for one that cannot be asked now. */
  readonly connections: () => Iterable<{ readonly id: ConnectionId; readonly session: ProviderSession | undefined }>
}

/**
 * What replicas build on, on the hosts of their sources. `undefined` when a connection cannot be asked: what its replicas need is not known then, and
 * nothing may be called superfluous.
 */
export async function replicaTokens(
  { connections, jobs }: ReplicaTokenPorts,
  signal: AbortSignal,
): Promise<ReadonlySet<ChangeToken> | undefined> {
  const tokens = new Set<ChangeToken>()
  const there = await jobs()
  for (const { session } of connections()) {
    if (!session) return undefined
    for (const { mark } of (await session.replicas?.list({ signal })) ?? []) {
      if (!there.has(mark.job)) continue
      for (const { token } of Object.values(mark.disks)) if (token !== undefined) tokens.add(token)
    }
  }
  return tokens
}
