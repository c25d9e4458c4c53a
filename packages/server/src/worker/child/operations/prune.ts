import { previewPrune, prune as pruneRepository, type PrunePlan } from '@nixen/backup'
import type { PruneOutput } from '../../operations/upkeep.ts'
import type { OperationCode } from '../context.ts'

const defaultLockWait = 600_000

/** Removes what no restore point needs, or says what it would do. */
export const prune: OperationCode<'prune'> = async (input, { open, signal, progress, repositories, access }) => {
  const { execute, maxUnused, maxRepack, lockWait } = input
  const repository = await open()
  const options = {
    maxUnused,
    maxRepack,
    wait: lockWait ?? defaultLockWait,
    signal,
    progress: ({ phase, done, total }: { phase: string; done: number; total: number }) =>
      progress({ phase, done, total, unit: 'items' }),
  }
  progress({ phase: execute ? 'wait for the lock' : 'mark' })
  const plan = execute ? await pruneRepository(repository, options) : await previewPrune(repository, options)
  if (execute) await repositories.saveCache(access).catch(() => undefined)
  return outputOf(plan, execute)
}

function outputOf(plan: PrunePlan, executed: boolean): PruneOutput {
  return {
    removedPacks: plan.remove.length,
    repackedPacks: plan.repack.length,
    keptPacks: plan.keep.packs,
    freedBytes: plan.freed,
    unusedBytes: plan.keep.unused,
    executed,
  }
}
