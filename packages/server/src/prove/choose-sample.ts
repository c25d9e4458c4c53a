/** A VM that could be checked. Times are epoch milliseconds. */
export interface Candidate {
  readonly id: string
  /** When one of its restore points was found good last. */
  readonly verified?: number | undefined
  /** When its oldest restore point was taken; absent without any. */
  readonly since?: number | undefined
}

export interface SampleRules {
  readonly now: number
  /** When the job runs next; absent when it does not run by itself. */
  readonly next?: number | undefined
  /** Milliseconds within which each has its turn. */
  readonly every: number
  readonly atMost?: number | undefined
}

/**
 * Which VMs have their turn in this run: all that would be overdue at the next one, and of the others as many as it takes to spread the work
 * evenly, the longest unchecked first. Without a next run all that are due now. VMs without restore points are left out. Pure.
 */
export function chooseSample(candidates: readonly Candidate[], rules: SampleRules): readonly string[] {
  const { now, next, every, atMost = Infinity } = rules
  const able = candidates.filter(({ since }) => since !== undefined)
  const dueAt = ({ verified, since = 0 }: Candidate): number => (verified ?? since) + every
  const ordered = able.toSorted((a, b) => (a.verified ?? 0) - (b.verified ?? 0) || dueAt(a) - dueAt(b))
  const pause = next === undefined ? every : Math.max(1, next - now)
  const share = Math.ceil(able.length * Math.min(1, pause / every))
  const overdue = ordered.filter((one) => dueAt(one) <= (next ?? now))
  const fresh = (one: Candidate): boolean => one.verified !== undefined && now - one.verified < every / 2
  // What was checked a short while ago is not checked again only to fill the share.
  const fill = ordered.filter((one) => !overdue.includes(one) && !fresh(one))
  const wanted = next === undefined ? dueOrNever(ordered, { now, every }) : [...overdue, ...fill]
  const count = next === undefined ? wanted.length : Math.max(share, overdue.length)
  return wanted.slice(0, Math.min(count, atMost)).map(({ id }) => id)
}

/** By hand: what was never checked, and what is due. */
function dueOrNever(ordered: readonly Candidate[], { now, every }: { now: number; every: number }): Candidate[] {
  return ordered.filter(({ verified }) => verified === undefined || verified + every <= now)
}
