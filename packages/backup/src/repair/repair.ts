import { checkRepository, type CheckOptions, type CheckResult } from '../check/check.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import { rebuildIndex, type RebuildResult } from './rebuild-index.ts'
import { repairSnapshots, type RepairedPoint } from './repair-snapshots.ts'
import { salvagePacks, type SalvageResult } from './salvage-packs.ts'

export interface RepairResult {
  readonly index: RebuildResult
  /** What was wrong after the index was made anew. */
  readonly check: CheckResult
  readonly packs: SalvageResult
  readonly points: readonly RepairedPoint[]
}

/**
 * Saves what can be saved: makes the index anew from the packs, reads all data (unless `read` says less), takes damaged packs out of the index after
 * copying what is whole in them, and writes new restore points beside those that lost something. Removes no pack and no restore point.
 *
 * Errors: `backup.repository_locked`, storage's.
 */
export async function repairRepository(
  repository: Repository,
  options: SignalOption & { wait?: number; read?: CheckOptions['read']; progress?: CheckOptions['progress'] } = {},
): Promise<RepairResult> {
  const { signal, wait = 0, read = { kind: 'all' }, progress } = options
  const index = await rebuildIndex(repository, { signal, wait })
  const check = await checkRepository(repository, { read, signal, ...(progress && { progress }) })
  const packs = await salvagePacks(repository, check, { signal, wait })
  const points = check.lost.length > 0 ? await repairSnapshots(repository, check, { signal, wait }) : []
  return { index, check, packs, points }
}
