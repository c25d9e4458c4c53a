import {
  executeForget,
  listSnapshots,
  planForget,
  planForgetNamed,
  type CalendarDuration,
  type ForgetDecision,
  type ForgetPlan,
  type ForgetPolicy,
  isEmptyPolicy,
  type Snapshot,
} from '@nixen/backup'
import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { formatDate } from '../output/date.ts'
import { formatTable } from '../output/table.ts'
import type { RepoFlags } from './flags.ts'
import { openRepository } from './open.ts'
import { prunePlanText, runPrune } from './prune.ts'
import { matches } from './snapshots.ts'

export interface ForgetFlags extends CommonFlags, RepoFlags {
  readonly keepLast?: number
  readonly keepHourly?: number
  readonly keepDaily?: number
  readonly keepWeekly?: number
  readonly keepMonthly?: number
  readonly keepYearly?: number
  readonly keepWithin?: CalendarDuration
  readonly keepTag?: readonly string[]
  readonly host?: string
  readonly tag?: readonly string[]
  readonly timeZone?: string
  readonly dryRun: boolean
  readonly prune: boolean
}

/** `nixen repo forget [SNAPSHOT…]` */
export async function forget(context: NixenContext, flags: ForgetFlags, ...names: readonly string[]): Promise<void> {
  await using repository = await openRepository(context, flags)
  const { signal } = context
  const points = (await listSnapshots(repository, { signal })).filter((point) => matches(point, flags))
  const plan = makePlan(points, flags, { names, now: context.clock.now() })
  const text = planText(plan, flags)
  if (flags.dryRun) return print(context, flags, { json: { dryRun: true, ...plan }, text })
  const { forgotten } = await executeForget(repository, plan, { signal })
  const pruned = flags.prune && forgotten > 0 ? await runPrune(context, flags, repository) : undefined
  print(context, flags, {
    json: { dryRun: false, ...plan, ...(pruned ? { pruned } : {}) },
    text: pruned ? `${text}\n${prunePlanText(pruned)}` : text,
  })
}

function makePlan(
  points: readonly Snapshot[],
  flags: ForgetFlags,
  { names, now }: { names: readonly string[]; now: number },
): ForgetPlan<Snapshot> {
  if (names.length > 0) return planForgetNamed(points, names)
  const policy = policyOf(flags)
  if (isEmptyPolicy(policy)) throw cliErrors.no_policy()
  const zone = flags.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
  return planForget(points, policy, now, { timeZone: zone })
}

function policyOf(flags: ForgetFlags): ForgetPolicy {
  const { keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly, keepWithin, keepTag } = flags
  return {
    ...(keepLast === undefined ? {} : { last: keepLast }),
    ...(keepHourly === undefined ? {} : { hourly: keepHourly }),
    ...(keepDaily === undefined ? {} : { daily: keepDaily }),
    ...(keepWeekly === undefined ? {} : { weekly: keepWeekly }),
    ...(keepMonthly === undefined ? {} : { monthly: keepMonthly }),
    ...(keepYearly === undefined ? {} : { yearly: keepYearly }),
    ...(keepWithin === undefined ? {} : { within: keepWithin }),
    ...(keepTag === undefined ? {} : { tags: keepTag.map((tags) => tags.split(',')) }),
  }
}

function planText({ keep, forget }: ForgetPlan<Snapshot>, { dryRun, prune }: ForgetFlags): string {
  const rows = [
    ...keep.map((decision) => ['keep', decision] as const),
    ...forget.map((decision) => ['forget', decision] as const),
  ]
  const table = formatTable(rows, [
    { title: '', text: ([what]) => what },
    { title: 'ID', text: ([, { point }]) => point.id.slice(0, 8) },
    { title: 'TIME', text: ([, { point }]) => formatDate(point.time) },
    { title: 'GROUP', text: ([, { group }]) => group },
    { title: 'BECAUSE', text: ([, { because }]: readonly [string, ForgetDecision<Snapshot>]) => because.join('; ') },
  ])
  const verb = dryRun ? 'would be forgotten' : 'forgotten'
  const data = forget.length > 0 && !prune ? '\nTheir data is removed by "nixen repo prune".' : ''
  return `${table}\n${keep.length} kept, ${forget.length} ${verb}${data}`
}
