import { anySignal } from '@nixen/core'
import { backupErrors } from '../errors.ts'
import { lockRepository } from '../lock/lock.ts'
import { lockForReading } from '../lock/reader-lock.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import type { Bitmap } from './bitmap.ts'
import { executePrune, type PruneProgress } from './execute-prune.ts'
import { markUsed } from './mark-used.ts'
import { planPrune, type PruneOptions, type PrunePlan } from './plan-prune.ts'

export interface RunPruneOptions extends PruneOptions, SignalOption {
  /** How long to wait for the lock, in milliseconds. */
  readonly wait?: number | undefined
  /** Told before anything is changed. */
  readonly onPlan?: ((plan: PrunePlan) => void) | undefined
  readonly progress?: ((progress: PruneProgress | { phase: 'mark'; done: number; total: number }) => void) | undefined
}

/**
 * Removes what no restore point needs. Takes the lock for itself alone, so no backup runs meanwhile, of Nixen or restic.
 *
 * Errors: `backup.repository_locked`, `backup.prune_unsafe`, those of reading trees; nothing is removed then.
 */
export async function prune(repository: Repository, options: RunPruneOptions = {}): Promise<PrunePlan> {
  repository.assertWritable()
  await using lock = await lockRepository(repository, {
    exclusive: true,
    wait: options.wait ?? 0,
    signal: options.signal,
  })
  const signal = anySignal(options.signal, lock.signal)
  const { plan, used } = await planFor(repository, { ...options, signal })
  options.onPlan?.(plan)
  if (plan.remove.length > 0 || plan.repack.length > 0 || plan.gone.length > 0) {
    await executePrune({ repository, lock, used }, plan, {
      signal,
      packSize: options.packSize,
      progress: options.progress,
    })
    await repository.loadIndex({ signal })
  }
  return plan
}

/** What `prune` would do, without doing it (`--dry-run`). Holds a shared lock while it looks. */
export async function previewPrune(repository: Repository, options: RunPruneOptions = {}): Promise<PrunePlan> {
  await using lock = await lockForReading(repository, options)
  const { plan } = await planFor(repository, { ...options, signal: anySignal(options.signal, lock?.signal) })
  return plan
}

async function planFor(repository: Repository, options: RunPruneOptions): Promise<{ plan: PrunePlan; used: Bitmap }> {
  const { signal, progress } = options
  const index = await repository.loadIndex({ signal })
  const { used, missing } = await markUsed(repository, {
    signal,
    progress: ({ snapshots, total }) => progress?.({ phase: 'mark', done: snapshots, total }),
  })
  const [first] = missing
  if (first) {
    const { type, id, snapshot, path } = first
    throw backupErrors.prune_unsafe({
      reason: `${type} blob ${id}, which restore point ${snapshot.slice(0, 8)} needs for ${path}, is in no index`,
    })
  }
  const packs = new Map<string, number>()
  for await (const { name, size } of repository.storage.list('data', { signal })) packs.set(name, size)
  return { plan: planPrune({ index, used, packs }, options), used }
}
