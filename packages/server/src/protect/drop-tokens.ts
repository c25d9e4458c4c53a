import type { Point } from '@nixen/api'
import type { ChangeToken } from '@nixen/disk'
import type { FrozenVm, ProtectActions } from '@nixen/providers'
import type { StoredVm } from './stored-vm.ts'

export interface Dropping {
  readonly frozen: FrozenVm
  readonly outcomes: readonly {
    readonly ok: boolean
    readonly base: { readonly point: Pick<Point, 'time'>; readonly stored: Pick<StoredVm, 'tokens'> } | undefined
  }[]
  /** When the newest points of the VM in other repositories were taken: points of one moment have the same tokens. */
  readonly others: ReadonlySet<number>
  readonly signal: AbortSignal
}

/**
 * What the host keeps and no repository builds on any more: tokens of the points that this run built on, and those of earlier runs of this
 * job that were interrupted before they came to that.
 */
export async function tokensToDrop(
  protect: Pick<ProtectActions, 'strays'>,
  { frozen, outcomes, others, signal }: Dropping,
): Promise<readonly ChangeToken[]> {
  // What a repository that could not even be asked builds on is not known: everything stays until it can.
  if (outcomes.some(({ ok, base }) => !ok && !base)) return []
  const tokensOf = (some: Dropping['outcomes']): ChangeToken[] =>
    some.flatMap(({ base }) => Object.values(base?.stored.tokens ?? {}))
  const isNeeded = (outcome: Dropping['outcomes'][number]): boolean =>
    !outcome.ok || (outcome.base !== undefined && others.has(outcome.base.point.time))
  const needed = new Set(tokensOf(outcomes.filter(isNeeded)))
  for (const { token } of frozen.disks) needed.add(token)
  const strays = await protect.strays({ disks: frozen.disks.map(({ key }) => key), signal })
  const left = strays.flatMap(({ kept, owner, token }) =>
    kept && owner === frozen.owner && token !== undefined ? [token] : [],
  )
  return [...new Set([...tokensOf(outcomes), ...left])].filter((token) => !needed.has(token))
}
