import type { ForgetPolicy } from '../forget/forget-policy.ts'
import { planForget } from '../forget/plan-forget.ts'
import type { Snapshot } from '../snapshot/snapshot.ts'
import { identity } from './copy.ts'

export interface MirrorRules {
  /** Which restore points of the source are meant; all when left out. */
  readonly filter?: ((point: Snapshot) => boolean) | undefined
  /** What the target keeps of them, VM by VM; everything when left out. */
  readonly keep?: { readonly policy: ForgetPolicy; readonly timeZone?: string | undefined } | undefined
  /** Whether a restore point of the target came by this mirror: only these count for what it keeps, and go. */
  readonly isOurs: (point: Snapshot) => boolean
}

/** What a mirror would do. */
export interface MirrorPlan {
  /** Restore points of the source that the target lacks and would keep, oldest first. */
  readonly copy: readonly Snapshot[]
  /** Those that it has. */
  readonly present: readonly Snapshot[]
  /** Those that it would forget at once. */
  readonly passed: readonly Snapshot[]
  /** Restore points of the target that it keeps no more. */
  readonly forget: readonly Snapshot[]
}

/**
 * What has to be copied, and what goes. The rules are applied to what both hold together, so that nothing is copied which the target would forget again, and
 * what the source has forgotten since still counts.
 */
export function planMirror(
  from: readonly Snapshot[],
  to: readonly Snapshot[],
  { filter, keep, isOurs, now }: MirrorRules & { readonly now: number },
): MirrorPlan {
  const wanted = from.filter((point) => filter?.(point) ?? true)
  const there = new Map(to.map((point) => [identity(point), point]))
  const isThere = (point: Snapshot): boolean => there.has(identity(point))
  const present = wanted.filter(isThere)
  const missing = wanted.filter((point) => !isThere(point))
  if (!keep) return { copy: missing, present, passed: [], forget: [] }
  const ours = to.filter(isOurs)
  const zone = keep.timeZone === undefined ? {} : { timeZone: keep.timeZone }
  const decided = planForget([...missing, ...ours], keep.policy, now, { groupBy: ['paths'], ...zone })
  const gone = new Set(decided.forget.map(({ point }) => point))
  return {
    copy: missing.filter((point) => !gone.has(point)),
    present,
    passed: missing.filter((point) => gone.has(point)),
    forget: ours.filter((point) => gone.has(point)),
  }
}
