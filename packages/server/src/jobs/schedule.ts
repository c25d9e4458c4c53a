import { jobErrors, type Schedule } from '@nixen/api'
import { messageOf } from '@nixen/core'
import { Cron } from 'croner'

/** Times of a schedule. A time that a change to summer time leaves out comes when the clock jumps; one that comes twice runs once. */
export interface Times {
  /** The first time after `after`, epoch milliseconds; `undefined` when there is none any more. */
  next(after: number): number | undefined
}

/** Reads a schedule. @throws job.bad_schedule */
export function timesOf({ name, cron, timeZone }: Schedule): Times {
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    throw jobErrors.bad_schedule({ schedule: name, reason: `${timeZone} is no time zone; Europe/Berlin is one.` })
  }
  try {
    const pattern = new Cron(cron, { paused: true, ...(timeZone === undefined ? {} : { timezone: timeZone }) })
    return { next: (after) => pattern.nextRun(new Date(after))?.getTime() }
  } catch (cause) {
    throw jobErrors.bad_schedule({ schedule: name, reason: messageOf(cause).replace(/^Cron\w+: /, '') }, { cause })
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name }).format()
    return true
  } catch {
    return false
  }
}

/** The last time up to `until` that was due since `since`; `undefined` when none was. Looks at most at `since` + 366 days. */
export function lastDue(times: Times, since: number, until: number): number | undefined {
  let due: number | undefined
  let at = times.next(since)
  // A schedule of every second that was asleep for a week is not counted through.
  for (let looked = 0; at !== undefined && at <= until; looked++) {
    due = at
    at = times.next(looked < 1000 ? at : Math.max(at, until - 1000))
  }
  return due
}
