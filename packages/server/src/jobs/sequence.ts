import { jobErrors, type JobId, type NewJob, type Run } from '@nixen/api'
import type { StoredJob } from './job-store.ts'

/** Jobs that run when a run of `job` has ended so. A run that somebody cancelled, or a stop interrupted, leads to nothing. */
export function followers(jobs: readonly StoredJob[], job: JobId, state: Run['state']): readonly StoredJob[] {
  const ended = state === 'succeeded' || state === 'warned' ? ['success', 'end'] : state === 'failed' ? ['end'] : []
  return jobs.filter(
    ({ enabled, after = [] }) => enabled && after.some((one) => one.job === job && ended.includes(one.on)),
  )
}

/** Refuses jobs that would run after each other for ever. @throws job.not_found, job.unsupported */
export function checkSequence(
  jobs: readonly StoredJob[],
  job: Pick<NewJob, 'after' | 'work'> & { readonly id: JobId },
): void {
  const all = new Map(jobs.map((one) => [one.id, one.after ?? []]))
  all.set(job.id, job.after ?? [])
  for (const { job: id } of job.after ?? []) if (!all.has(id)) throw jobErrors.not_found({ id })
  const open = (job.after ?? []).map((one) => one.job)
  const seen = new Set<JobId>()
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (id === job.id) {
      throw jobErrors.unsupported({ kind: job.work.kind, reason: 'it would run after itself, for ever.' })
    }
    if (seen.has(id)) continue
    seen.add(id)
    open.push(...(all.get(id) ?? []).map((one) => one.job))
  }
}
