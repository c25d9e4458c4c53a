import type { Job, Run } from '@nixen/api'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Play } from 'lucide-react'
import type { ReactNode } from 'react'
import { CodeLine } from '../actions/equivalent-lines.tsx'
import { formatBytes, formatCount, formatDuration } from '../format/format.ts'
import { WorkState } from '../lists/states.tsx'
import { lacking, useAccess } from '../session/may.ts'
import { client } from '../session/session.ts'
import { Button } from '../ui/button.tsx'
import { errorText } from '../ui/error-text.ts'
import { Notice } from '../ui/notice.tsx'
import { Card, Empty, Facts, Page } from '../ui/page.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { State } from '../ui/state.tsx'
import { Ago } from '../ui/time.tsx'
import { toast } from '../ui/toasts.tsx'
import { useWork } from '../ui/use-work.ts'
import { jobsQuery, runsQuery } from './backup-queries.ts'
import { common } from '../i18n/common.ts'
import { shell } from '../i18n/shell.ts'
import { backup as t } from '../i18n/backup.ts'

/** What is done regularly, and how it went. */
export function JobsPage(): ReactNode {
  const jobs = useQuery(jobsQuery)
  const runs = useQuery(runsQuery)
  const error = jobs.error ?? runs.error
  return (
    <Page title={shell.jobs} note={jobs.data && formatCount(jobs.data.length)} fill={jobs.data?.length === 0}>
      {error && <Notice tone="bad">{errorText(error)}</Notice>}
      {jobs.isPending && <p role="status">{common.loading}</p>}
      {jobs.data?.length === 0 && (
        <Empty title={t.noJob}>
          <p>{t.noJobHelp}</p>
          <div className="mt-3 text-left">
            <CodeLine label={common.command} text="nixen job create --help" />
          </div>
        </Empty>
      )}
      {jobs.data && jobs.data.length > 0 && (
        <>
          <ul className="grid gap-4 xl:grid-cols-2">
            {jobs.data.map((job) => (
              <JobCard key={job.id} job={job} />
            ))}
          </ul>
          <Card title={t.lastRuns}>
            <RunsTable runs={runs.data ?? []} />
          </Card>
        </>
      )}
    </Page>
  )
}

function JobCard({ job }: { readonly job: Job }): ReactNode {
  const { id, name, description, enabled, work: what, selection, schedules, next, last, running, objects } = job
  const access = useAccess()
  const work = useWork()
  const queries = useQueryClient()
  const run = async (): Promise<void> => {
    await client.job.run({ id })
    toast('good', t.jobRuns({ name }))
    await queries.invalidateQueries({ queryKey: jobsQuery.queryKey })
    await queries.invalidateQueries({ queryKey: runsQuery.queryKey })
  }
  return (
    <li className="bg-panel border-line rounded-lg border p-4">
      <div className="mb-3 flex flex-wrap items-center gap-x-3 gap-y-2">
        <h2 className="font-semibold break-words">{name}</h2>
        {running === undefined ? (
          <State shape={enabled ? 'full' : 'ring'} tone={enabled ? 'good' : 'still'}>
            {enabled ? t.enabled : t.disabled}
          </State>
        ) : (
          <WorkState state="running" />
        )}
        <Button
          className="ml-auto"
          icon={<Play size={16} aria-hidden />}
          disabled={work.busy}
          reason={lacking(access, 'job:run') ?? (running === undefined ? undefined : t.runsAlready)}
          onClick={() => void work.run(run)}
        >
          {t.runNow}
        </Button>
      </div>
      {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
      <Facts
        facts={[
          [common.description, description],
          [t.does, what.kind === 'action' ? what.action : t.kinds[what.kind]],
          [
            t.with,
            selection.q === undefined ? (
              t.chosenObjects({ n: selection.ids?.length ?? 0 })
            ) : (
              <code className="text-xs break-all">{selection.q || t.everything}</code>
            ),
          ],
          [t.matchesNow, objects === undefined ? undefined : formatCount(objects)],
          [
            t.when,
            schedules
              .map((one) => `${one.name} (${one.enabled ? one.cron : t.scheduleOff({ schedule: one.cron })})`)
              .join(', ') || t.byHand,
          ],
          [t.nextRun, next === undefined ? undefined : <Ago time={next} />],
          [
            t.lastRun,
            last && (
              <Link to="/runs/$id" params={{ id: last.run }} className="inline-flex gap-2 hover:underline">
                <WorkState state={last.state} /> <Ago time={last.started} />
              </Link>
            ),
          ],
        ]}
      />
    </li>
  )
}

function RunsTable({ runs }: { readonly runs: readonly Run[] }): ReactNode {
  return (
    <SimpleTable
      label={t.lastRuns}
      heads={[t.job, common.state, t.began, t.took, t.objects, t.read, t.written]}
      none={t.noRun}
      rows={runs.map((run) => ({
        id: run.id,
        cells: [
          <Link to="/runs/$id" params={{ id: run.id }} className="text-accent hover:underline">
            {run.jobName}
            {run.schedule === undefined ? '' : ` (${run.schedule})`}
          </Link>,
          <WorkState state={run.state} />,
          <Ago time={run.started} />,
          run.finished === undefined ? '–' : formatDuration(run.finished - run.started),
          t.doneOf({ done: run.done, all: run.objects, failed: run.failed }),
          run.read === undefined ? '–' : formatBytes(run.read),
          run.written === undefined ? '–' : formatBytes(run.written),
        ],
      }))}
    />
  )
}
