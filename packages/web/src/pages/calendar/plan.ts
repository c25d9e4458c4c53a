/** Something on the calendar: a run that was, or one that will be. */
export interface Entry {
  readonly job: string
  readonly name: string
  readonly at: number
  /** Milliseconds; of what is planned as long as the runs before. */
  readonly lasts: number
  /** The run; absent when it is planned. */
  readonly run?: string
  readonly state?: string
  /** Names of jobs that work on the same VMs at that time. */
  readonly conflicts: readonly string[]
}

/** What a plan is made of. */
export interface PlannedJob {
  readonly id: string
  readonly name: string
  /** When it will run. */
  readonly times: readonly number[]
  /** The VMs that it works on. */
  readonly objects: ReadonlySet<string>
}

export interface PastRun {
  readonly id: string
  readonly job: string
  readonly jobName: string
  readonly state: string
  readonly started: number
  readonly finished?: number | undefined
}

/** How long a run is taken to last that never ran. */
const usual = 10 * 60_000

/** Past and planned runs in the order of time; planned ones that overlap on the same VMs know of each other. */
export function planOf(
  jobs: readonly PlannedJob[],
  runs: readonly PastRun[],
  { from, until, now }: { readonly from: number; readonly until: number; readonly now: number },
): readonly Entry[] {
  const past = runs
    .filter(({ started }) => started >= from && started < until)
    .map(({ id, job, jobName, state, started, finished }) => ({
      job,
      name: jobName,
      at: started,
      lasts: (finished ?? now) - started,
      run: id,
      state,
      conflicts: [],
    }))
  const planned = jobs.flatMap((job) => {
    const lasts = lengthOf(runs, job.id)
    return job.times
      .filter((at) => at >= now && at < until)
      .map((at) => ({ job: job.id, name: job.name, at, lasts, objects: job.objects }))
  })
  const sorted = planned.toSorted((a, b) => a.at - b.at)
  const ahead = sorted.map(({ objects, ...entry }, index) => {
    const conflicts = new Set<string>()
    // None before lasts longer than a day; what comes later overlaps only when it begins before this one ends.
    for (const other of sorted.slice(firstWithin(sorted, index))) {
      if (other.at >= entry.at + entry.lasts) break
      if (other.job === entry.job || !overlap(entry, other)) continue
      if (!objects.isDisjointFrom(other.objects)) conflicts.add(other.name)
    }
    return Object.assign(entry, { conflicts: [...conflicts] })
  })
  return [...past, ...ahead].toSorted((a, b) => a.at - b.at)
}

/** Where the entries begin that are at most a day before the one at `index`. */
function firstWithin(sorted: readonly { readonly at: number }[], index: number): number {
  let first = index
  while (first > 0 && (sorted[index]?.at ?? 0) - (sorted[first - 1]?.at ?? 0) < 86_400_000) first--
  return first
}

function overlap(a: { at: number; lasts: number }, b: { at: number; lasts: number }): boolean {
  return a.at < b.at + b.lasts && b.at < a.at + a.lasts
}

/** The middle of how long a job took, of its runs that ended. */
function lengthOf(runs: readonly PastRun[], job: string): number {
  const lengths = runs
    .flatMap(({ job: of, started, finished }) => (of === job && finished !== undefined ? [finished - started] : []))
    .sort((a, b) => a - b)
  return lengths[Math.floor(lengths.length / 2)] ?? usual
}
