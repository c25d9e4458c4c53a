import { isAppError } from '@nixen/core'
import { lastDue, timesOf } from '../jobs/schedule.ts'
import { formatTime } from '../notify/message.ts'
import type { JobFact } from './facts.ts'
import type { Measured } from './readings.ts'

const well: Measured = { reading: 'off', value: 'went well.' }
/** Farthest that is looked back for a time that was due, milliseconds. */
const farthest = 400 * 86_400_000

/** Whether the last run that ended by itself failed; who cancels one knows. Pure. */
export function jobFailed({ runs }: JobFact): Measured {
  const last = runs.find(({ state }) => state !== 'running' && state !== 'cancelled' && state !== 'skipped')
  if (!last) return well
  const failed = last.state === 'failed' || last.state === 'interrupted'
  return failed ? { reading: 'on', value: last.summary ?? last.state } : well
}

/**
 * Whether a schedule was due more than `after` milliseconds ago and no run that went well, or still goes on, began since. Pure.
 */
export function jobLate({ job, runs }: JobFact, after: number, now: number): Measured {
  const schedules = job.enabled ? job.schedules.filter(({ enabled }) => enabled) : []
  for (const schedule of schedules) {
    const due = dueBefore(schedule, { from: Math.max(job.created, now - farthest), until: now - after })
    if (due === undefined) continue
    const done = runs.some(
      ({ state, started, schedule: name }) =>
        started >= due &&
        (name === undefined || name === schedule.name) &&
        (state === 'succeeded' || state === 'warned' || state === 'running'),
    )
    if (done) continue
    const last = runs.find(({ state }) => state === 'succeeded' || state === 'warned')
    const since = last ? `the last good run began at ${formatTime(last.started)}.` : 'no run went well so far.'
    return { reading: 'on', value: `${schedule.name} was due at ${formatTime(due)}; ${since}` }
  }
  return well
}

/** The last time of a schedule up to `until`. Looked for in steps that grow, since most schedules are daily. */
function dueBefore(
  schedule: JobFact['job']['schedules'][number],
  { from, until }: { readonly from: number; readonly until: number },
): number | undefined {
  try {
    const times = timesOf(schedule)
    for (let back = 2 * 86_400_000; ; back *= 4) {
      const start = Math.max(from, until - back)
      const due = start < until ? lastDue(times, start, until) : undefined
      if (due !== undefined || start <= from) return due
    }
  } catch (error) {
    // A time zone that this machine no longer has: the scheduler says so.
    if (isAppError(error, 'job.bad_schedule')) return undefined
    throw error
  }
}
