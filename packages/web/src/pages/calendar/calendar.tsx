import { compileQuery, queryTable, type Job } from '@nixen/api'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { CalendarClock, TriangleAlert } from 'lucide-react'
import { useMemo, useState, type ReactNode } from 'react'
import { useNow } from '../../format/clock.ts'
import { formatClock, formatDuration } from '../../format/format.ts'
import { backup } from '../../i18n/backup.ts'
import { common } from '../../i18n/common.ts'
import { jobsText as t } from '../../i18n/jobs.ts'
import { intlLocale, locale } from '../../i18n/locale.ts'
import { shell } from '../../i18n/shell.ts'
import { WorkState } from '../../lists/states.tsx'
import { inventory, useAll } from '../../live/live.ts'
import { cx } from '../../ui/class-names.ts'
import { errorText } from '../../ui/error-text.ts'
import { Notice } from '../../ui/notice.tsx'
import { Empty, Page } from '../../ui/page.tsx'
import { jobsQuery, runsQuery } from '../backup-queries.ts'
import { timesAfter } from '../job/times.ts'
import { solidLink } from '../nothing-connected.tsx'
import { planOf, type Entry, type PlannedJob } from './plan.ts'

const before = 3
const after = 14
/** A job that runs each minute does not fill the page. */
const mostOfJob = 400
const dayFormat = new Intl.DateTimeFormat(locale === 'pseudo' ? 'en' : (intlLocale ?? locale), {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
})

/** The beginning of a day, in the time zone of the browser. */
function midnight(time: number, shift: number): number {
  const date = new Date(time)
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + shift).getTime()
}

/** What jobs did in the last days, and what they will do in the next two weeks, with what gets in each other's way. */
export function CalendarPage(): ReactNode {
  const jobs = useQuery(jobsQuery)
  const runs = useQuery(runsQuery)
  const vms = useAll('vm')
  const now = useNow(60_000)
  const [today] = useState(() => midnight(Date.now(), 0))
  const entries = useMemo(() => {
    const until = midnight(today, after)
    const planned = (jobs.data ?? [])
      .filter(({ enabled }) => enabled)
      .map((job) => plannedJob(job, vms, { now, until }))
    return planOf(planned, runs.data ?? [], { from: midnight(today, -before), until, now })
  }, [jobs.data, runs.data, vms, now, today])
  const error = jobs.error ?? runs.error
  const days = Array.from({ length: before + after }, (_, index) => midnight(today, index - before))
  const isEmpty = jobs.data !== undefined && entries.length === 0
  return (
    <Page title={shell.calendar} note={isEmpty ? undefined : t.calendarHelp} fill={isEmpty}>
      {error && <Notice tone="bad">{errorText(error)}</Notice>}
      {jobs.isPending && <p role="status">{common.loading}</p>}
      {isEmpty && (
        <Empty
          title={t.nothingPlanned}
          action={
            <Link to="/jobs/new" className={solidLink}>
              <CalendarClock size={16} aria-hidden /> {backup.newJob}
            </Link>
          }
        >
          {backup.noJobHelp}
        </Empty>
      )}
      {entries.length > 0 && (
        <ol className="grid gap-2 sm:grid-cols-2 lg:grid-cols-4 2xl:grid-cols-7">
          {days.map((start) => (
            <Day
              key={start}
              start={start}
              isToday={start === today}
              isPast={start < today}
              entries={entries.filter(({ at }) => at >= start && at < midnight(start, 1))}
            />
          ))}
        </ol>
      )}
    </Page>
  )
}

function plannedJob(
  job: Job,
  vms: readonly { readonly id: string; readonly tags: readonly string[] }[],
  { now, until }: { readonly now: number; readonly until: number },
): PlannedJob {
  const { selection } = job
  const compiled =
    selection.q === undefined
      ? undefined
      : compileQuery(selection.q, queryTable('vm'), { now, nameOf: inventory.nameOf })
  const found = compiled?.ok === true ? vms.filter(compiled.matches) : []
  const without = new Set(selection.excludeTags)
  const ids = found.filter(({ tags }) => !tags.some((tag) => without.has(tag))).map(({ id }) => id)
  const times = job.schedules
    .filter(({ enabled }) => enabled)
    .flatMap(({ cron, timeZone }) => timesAfter({ cron, timeZone }, { from: now, until, most: mostOfJob }))
  return { id: job.id, name: job.name, times, objects: new Set([...ids, ...(selection.ids ?? [])]) }
}

function Day({
  start,
  isToday,
  isPast,
  entries,
}: {
  readonly start: number
  readonly isToday: boolean
  readonly isPast: boolean
  readonly entries: readonly Entry[]
}): ReactNode {
  const name = dayFormat.format(start)
  // Many runs of one job on a day are one line.
  const lines = [...Map.groupBy(entries, (entry) => (entry.run === undefined ? entry.job : entry.run))]
  return (
    <li
      className={cx(
        'bg-panel min-h-24 min-w-0 rounded-lg border p-2',
        isToday ? 'border-solid' : 'border-line',
        isPast && entries.length === 0 && 'max-sm:hidden',
      )}
    >
      <h2 className="mb-1 flex items-baseline gap-2 px-1 text-xs font-semibold">
        <time dateTime={new Date(start).toISOString()}>{name}</time>
        {isToday && <span className="text-accent">{t.today}</span>}
      </h2>
      <ul className="grid gap-1" aria-label={t.calendarDay({ day: name, runs: entries.length })}>
        {lines.slice(0, 12).map(([key, [first, ...more]]) => first && <Run key={key} entry={first} more={more} />)}
        {entries.length === 0 && <li className="text-muted px-1 text-xs">{t.noRuns}</li>}
      </ul>
    </li>
  )
}

function Run({ entry, more }: { readonly entry: Entry; readonly more: readonly Entry[] }): ReactNode {
  const { job, name, at, lasts, run, state, conflicts: first } = entry
  const conflicts = [...new Set([first, ...more.map((one) => one.conflicts)].flat())]
  return (
    <li className={cx('rounded-md px-1.5 py-1', run === undefined ? 'bg-ground' : 'bg-hover')}>
      <span className="flex items-baseline gap-1.5">
        <time className="text-muted shrink-0 text-xs" dateTime={new Date(at).toISOString()}>
          {formatClock(at)}
        </time>
        {run === undefined ? (
          <Link to="/jobs/$id" params={{ id: job }} className="min-w-0 truncate hover:underline">
            {name}
          </Link>
        ) : (
          <Link to="/runs/$id" params={{ id: run }} className="min-w-0 truncate hover:underline">
            {name}
          </Link>
        )}
        {more.length > 0 && <span className="text-muted shrink-0 text-xs">× {more.length + 1}</span>}
      </span>
      <span className="text-muted block text-xs">
        {state === undefined ? (
          `${t.planned}, ${t.lasts({ duration: formatDuration(lasts) })}`
        ) : (
          <span className="inline-flex gap-1.5">
            <WorkState state={state} />
            {state === 'running' ? '' : formatDuration(lasts)}
          </span>
        )}
      </span>
      {conflicts.map((other) => (
        <span key={other} className="text-warn flex items-start gap-1 text-xs">
          <TriangleAlert size={13} aria-hidden className="mt-0.5 shrink-0" />
          {t.conflict({ other })}
        </span>
      ))}
    </li>
  )
}
