import { previewPrune, prune as pruneRepository, type PrunePlan, type Repository } from '@nixen/backup'
import { formatBytes } from '@nixen/core'
import { print, withProgress, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { formatFields } from '../output/table.ts'
import type { RepoFlags } from './flags.ts'
import { openRepository } from './open.ts'

export interface PruneFlags extends CommonFlags, RepoFlags {
  readonly dryRun: boolean
  readonly maxUnused?: number
  readonly maxRepack?: number
}

/** `nixen repo prune` */
export async function prune(context: NixenContext, flags: PruneFlags): Promise<void> {
  await using repository = await openRepository(context, flags)
  const { dryRun } = flags
  const plan = dryRun
    ? await previewPrune(repository, { ...limits(flags), signal: context.signal })
    : await runPrune(context, flags, repository)
  const text = `${prunePlanText(plan)}${dryRun ? '\nNothing was changed.' : ''}`
  print(context, flags, { json: { dryRun, ...plan }, text })
}

/** Prunes a repository that is open, and shows how far it is. */
export async function runPrune(
  context: NixenContext,
  flags: CommonFlags & Partial<PruneFlags>,
  repository: Repository,
): Promise<PrunePlan> {
  return await withProgress(context, flags, (view) =>
    pruneRepository(repository, {
      ...limits(flags),
      signal: context.signal,
      progress: ({ phase, done, total }) => view.update({ done, total, phase, unit: 'items' }),
    }),
  )
}

function limits({ maxUnused, maxRepack }: Partial<PruneFlags>): { maxUnused?: number; maxRepack?: number } {
  return {
    ...(maxUnused === undefined ? {} : { maxUnused: maxUnused / 100 }),
    ...(maxRepack === undefined ? {} : { maxRepack }),
  }
}

/** What a prune does, for people. */
export function prunePlanText({ remove, repack, keep, freed }: PrunePlan): string {
  const bytes = (packs: readonly { size: number }[]): string =>
    formatBytes(packs.reduce((sum, { size }) => sum + size, 0))
  return formatFields([
    ['packs removed', `${remove.length} (${bytes(remove)})`],
    ['packs rewritten', `${repack.length} (${bytes(repack)})`],
    ['packs kept', `${keep.packs} (${formatBytes(keep.size)}, ${formatBytes(keep.unused)} of it unused)`],
    ['freed', formatBytes(freed)],
  ])
}
