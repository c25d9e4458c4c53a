import { executeForget } from '../forget/execute-forget.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import { listSnapshots, type Snapshot } from '../snapshot/snapshot.ts'
import { copyPoints, type CopyProgress, type CopyResult } from './copy.ts'
import { planMirror, type MirrorPlan, type MirrorRules } from './plan-mirror.ts'

export interface MirrorOptions extends SignalOption, Omit<MirrorRules, 'isOurs'> {
  /** A tag that copied restore points get, and that tells those of this mirror from others. */
  readonly tag: string
  /** Tags of the source that are left out: those that tell whose a point is there. */
  readonly without?: ((tag: string) => boolean) | undefined
  /** How long to wait for locks, in milliseconds. */
  readonly wait?: number | undefined
  readonly progress?: ((progress: CopyProgress) => void) | undefined
}

export interface MirrorResult extends CopyResult {
  readonly plan: MirrorPlan
  readonly forgotten: number
}

/**
 * Brings a repository up to date with another one: copies what is missing and would be kept, then forgets what is kept no more. Nothing goes before all
 * that is new is there. Stopped anywhere, it goes on where it was when it is run again.
 *
 * Errors: those of `copyPoints` and `executeForget`.
 */
export async function mirrorPoints(from: Repository, to: Repository, options: MirrorOptions): Promise<MirrorResult> {
  const { signal, tag, without, wait, progress } = options
  const isOurs = ({ tags }: Snapshot): boolean => tags.includes(tag)
  const plan = planMirror(await listSnapshots(from, { signal }), await listSnapshots(to, { signal }), {
    ...options,
    isOurs,
    now: to.clock.now(),
  })
  const wanted = new Set(plan.copy.map(({ id }) => id))
  const copied = await copyPoints(from, to, {
    filter: ({ id }) => wanted.has(id),
    tags: ({ tags }) => [...tags.filter((one) => one !== tag && without?.(one) !== true), tag],
    signal,
    wait,
    progress,
  })
  const because = ['no rule of the mirror keeps it']
  const forget = plan.forget.map((point) => ({ point, group: point.paths.join(' '), because }))
  const { forgotten } = await executeForget(to, { keep: [], forget }, { signal, ...(wait !== undefined && { wait }) })
  return { ...copied, plan, forgotten }
}
