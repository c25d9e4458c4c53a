import type { RepositoryId, Retention } from '@nixen/api'
import type { ActionTask } from '@nixen/providers'
import type { RunContext } from '../jobs/job-kind.ts'
import type { Repositories } from '../repositories/repositories.ts'
import { jobTag } from './backup.ts'

/** Forgets what a schedule keeps no more, in each repository: only what this schedule made counts, and goes. */
export async function forgetOld(
  repositories: Repositories,
  {
    context,
    from,
    verifiedIn,
  }: {
    readonly context: RunContext
    readonly from: readonly RepositoryId[]
    /** Restore points that were found good: where the schedule says so, only these count. */
    readonly verifiedIn?: ((repository: RepositoryId) => readonly string[]) | undefined
  },
  task: ActionTask,
): Promise<void> {
  const keep = context.schedule?.keep
  if (!keep || Object.values(keep).every((count) => !count)) return
  const counting = (repository: RepositoryId): { verified?: readonly string[] } =>
    context.schedule?.keepVerified === true && verifiedIn ? { verified: verifiedIn(repository) } : {}
  task.progress(undefined, 'Forgetting what is kept no more')
  for (const repository of from) {
    const { forgotten } = await repositories.run(
      'forget',
      repository,
      { what: { ...whatToForget(context, keep), ...counting(repository) }, execute: true },
      { signal: task.signal },
    )
    if (forgotten > 0)
      task.log(`${forgotten} restore points in ${repositories.nameOf(repository) ?? repository} are forgotten.`)
  }
}

function whatToForget(context: RunContext, keep: Retention) {
  const { timeZone } = context.schedule ?? {}
  return {
    by: 'policy' as const,
    policy: Object.fromEntries(Object.entries(keep).filter(([, count]) => count !== undefined)),
    groupBy: ['paths'] as const,
    tags: [`nixen:job=${jobTag(context)}`],
    ...(timeZone === undefined ? {} : { timeZone }),
  }
}
