import type { Job, JobWork, NewJob, Retention, Schedule } from '@nixen/api'
import { rhythmOf, cronOf, type Rhythm } from './rhythm.ts'

/** A schedule while somebody changes it. */
export interface ScheduleDraft {
  /** Stays the same while the name changes. */
  readonly key: number
  readonly name: string
  readonly rhythm: Rhythm
  readonly timeZone: string
  readonly enabled: boolean
  readonly keep: Retention
  /** What the form does not show. */
  readonly rest: Omit<Schedule, 'name' | 'cron' | 'timeZone' | 'enabled' | 'keep'>
}

/** A job while somebody changes it; what the form does not show stays as it was. */
export interface JobDraft {
  readonly name: string
  readonly description: string
  readonly enabled: boolean
  readonly work: JobWork
  readonly q: string
  readonly ids: NonNullable<NewJob['selection']['ids']>
  readonly excludeTags: string
  readonly schedules: readonly ScheduleDraft[]
  readonly report: NewJob['report']
  readonly channels: NewJob['channels']
  readonly rest: Pick<Job, 'limits' | 'overlap' | 'missed' | 'after'> | undefined
}

/** Periods of which one restore point is kept, the finest first. */
export const keepNames = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const
export type KeepName = (typeof keepNames)[number]

let keys = 0

/** A schedule as new ones begin: at night, with a month of restore points. */
export function newSchedule(taken: readonly string[]): ScheduleDraft {
  keys += 1
  const name = ['nightly', 'weekly', 'monthly'].find((one) => !taken.includes(one)) ?? `schedule-${keys}`
  return {
    key: keys,
    name,
    rhythm: { kind: 'daily', at: '02:30' },
    timeZone: '',
    enabled: true,
    keep: { daily: 7, weekly: 4, monthly: 6 },
    rest: {},
  }
}

/** A job as new ones begin: a backup of everything that `q` finds, each night. */
export function newDraft(q: string, repositories: JobDraft['work'] & { kind: 'backup' }): JobDraft {
  return {
    name: '',
    description: '',
    enabled: true,
    work: repositories,
    q,
    ids: [],
    excludeTags: '',
    schedules: [newSchedule([])],
    report: 'failure',
    channels: [],
    rest: undefined,
  }
}

export function draftOf(job: Job): JobDraft {
  const { name, description = '', enabled, work, selection, schedules, report, channels } = job
  const { limits, overlap, missed, after } = job
  return {
    name,
    description,
    enabled,
    work,
    q: selection.q ?? '',
    ids: selection.ids ?? [],
    excludeTags: selection.excludeTags.join(', '),
    schedules: schedules.map((schedule) => scheduleDraft(schedule)),
    report,
    channels,
    rest: { limits, overlap, missed, ...(after ? { after } : {}) },
  }
}

function scheduleDraft({ name, cron, timeZone = '', enabled, keep = {}, ...rest }: Schedule): ScheduleDraft {
  keys += 1
  return { key: keys, name, rhythm: rhythmOf(cron), timeZone, enabled, keep, rest }
}

/** What the server is asked to keep. */
export function jobOf(draft: JobDraft) {
  const { name, description, enabled, work, q, ids, excludeTags, schedules, report, channels, rest } = draft
  // Who has chosen single objects and no query does not mean all VMs.
  const query = q.trim() === '' && ids.length > 0 ? {} : { q: q.trim() }
  return {
    name: name.trim(),
    ...(description.trim() === '' ? {} : { description: description.trim() }),
    enabled,
    work,
    selection: { ...query, ...(ids.length === 0 ? {} : { ids }), excludeTags: words(excludeTags) },
    schedules: schedules.map((schedule) => scheduleOf(schedule)),
    report,
    channels,
    ...rest,
  }
}

/** Whether nothing that people set differs between two states of a job. */
export function sameJob(a: Job, b: Job): boolean {
  return JSON.stringify(jobOf(draftOf(a))) === JSON.stringify(jobOf(draftOf(b)))
}

/** `a, b,,c` → the words. */
export function words(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter(Boolean)
}

function scheduleOf({ name, rhythm, timeZone, enabled, keep, rest }: ScheduleDraft) {
  const zone = timeZone === '' ? {} : { timeZone }
  return { ...rest, name, cron: cronOf(rhythm), ...zone, enabled, ...(Object.keys(keep).length === 0 ? {} : { keep }) }
}

/** Work that writes to repositories which somebody chooses. */
export type StoringWork = JobWork & { readonly kind: 'backup' | 'metadata' }

export function isStoring(work: JobWork): work is StoringWork {
  return work.kind === 'backup' || work.kind === 'metadata'
}
