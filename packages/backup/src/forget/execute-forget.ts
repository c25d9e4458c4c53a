import { lockRepository } from '../lock/lock.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import { anySignal } from '@nixen/core'
import type { ForgetPlan } from './plan-forget.ts'

export interface ForgetProgress {
  readonly done: number
  readonly total: number
}

/**
 * Removes the restore points of a plan. Their data stays until a prune. A point that is gone already is fine: the plan can be executed again.
 *
 * Errors: `backup.repository_locked`, storage's.
 */
export async function executeForget(
  repository: Repository,
  plan: ForgetPlan,
  options: SignalOption & { wait?: number; progress?: (progress: ForgetProgress) => void } = {},
): Promise<{ forgotten: number }> {
  const total = plan.forget.length
  if (total === 0) return { forgotten: 0 }
  // Removing a restore point takes nothing away from a backup that runs; only a prune, which has the lock for itself, must not run now.
  await using lock = await lockRepository(repository, {
    ...(options.wait !== undefined && { wait: options.wait }),
    signal: options.signal,
  })
  const signal = anySignal(options.signal, lock.signal)
  let done = 0
  for (const { point } of plan.forget) {
    signal.throwIfAborted()
    await repository.storage.remove({ kind: 'snapshot', name: point.id }, { signal })
    done++
    options.progress?.({ done, total })
  }
  return { forgotten: done }
}
