import type { Job, Run } from '@nixen/api'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { Ellipsis, Play, Plus } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { formatBytes, formatCount, formatDuration } from '../format/format.ts'
import { WorkState } from '../lists/states.tsx'
import { lacking, useAccess } from '../session/may.ts'
import { client } from '../session/session.ts'
import { Button } from '../ui/button.tsx'
import { errorText } from '../ui/error-text.ts'
import { FormDialog } from '../ui/form-dialog.tsx'
import { Menu } from '../ui/menu.tsx'
import { Notice } from '../ui/notice.tsx'
import { Card, Empty, Facts, Page } from '../ui/page.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { State } from '../ui/state.tsx'
import { Ago } from '../ui/time.tsx'
import { toast } from '../ui/toasts.tsx'
import { useWork } from '../ui/use-work.ts'
import { rhythmOf } from './job/rhythm.ts'
import { rhythmWords } from './job/sentence.ts'
import { solidLink } from './nothing-connected.tsx'
import { jobsQuery, runsQuery } from './backup-queries.ts'
import { actionsText } from '../i18n/actions.ts'
import { common } from '../i18n/common.ts'
import { shell } from '../i18n/shell.ts'
import { backup as t } from '../i18n/backup.ts'

/** What is done regularly, and how it went. */
export function JobsPage(): ReactNode {
  const jobs = useQuery(jobsQuery)
  const runs = useQuery(runsQuery)
  const error = jobs.error ?? runs.error
  const make = (
    <Link to="/jobs/new" className={solidLink}>
      <Plus size={16} aria-hidden /> {t.newJob}
    </Link>
  )
  return (
    <Page
      title={shell.jobs}
      note={jobs.data && formatCount(jobs.data.length)}
      fill={jobs.data?.length === 0}
      actions={jobs.data && jobs.data.length > 0 && make}
    >
      {error && <Notice tone="bad">{errorText(error)}</Notice>}
      {jobs.isPending && <p role="status">{common.loading}</p>}
      {jobs.data?.length === 0 && (
        <Empty title={t.noJob} action={make}>
          {t.noJobHelp}
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

/** Kinds of work by their names; one that this console does not know yet is shown as it is. */
const kindNames: Readonly<Record<string, string>> = t.kinds

function JobCard({ job }: { readonly job: Job }): ReactNode {
  const { id, name, description, enabled, work: what, selection, schedules, next, last, running, objects } = job
  const access = useAccess()
  const work = useWork()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const [removing, setRemoving] = useState(false)
  const refresh = async (): Promise<void> => await queries.invalidateQueries({ queryKey: jobsQuery.queryKey })
  const enable = async (next: boolean): Promise<void> => {
    await client.job.enable({ id, enabled: next })
    await refresh()
  }
  const run = async (): Promise<void> => {
    await client.job.run({ id })
    toast('good', t.jobRuns({ name }))
    await refresh()
    await queries.invalidateQueries({ queryKey: runsQuery.queryKey })
  }
  return (
    <li className="bg-panel border-line rounded-lg border p-4">
      <div className="mb-3 flex flex-wrap items-center gap-x-3 gap-y-2">
        <h2 className="font-semibold break-words">
          <Link to="/jobs/$id" params={{ id }} className="hover:underline">
            {name}
          </Link>
        </h2>
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
        <Menu
          label={`${actionsText.moreActions}: ${name}`}
          icon={<Ellipsis size={16} aria-hidden />}
          entries={[
            {
              id: 'edit',
              label: common.edit,
              reason: lacking(access, 'job:update'),
              run: () => void navigate({ to: '/jobs/$id', params: { id } }),
            },
            {
              id: 'enable',
              label: enabled ? t.disable : t.enable,
              reason: lacking(access, 'job:update'),
              run: () => void work.run(async () => await enable(!enabled)),
            },
            {
              id: 'remove',
              label: common.removeAsk,
              danger: true,
              reason: lacking(access, 'job:delete'),
              run: () => setRemoving(true),
            },
          ]}
        />
      </div>
      {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
      <Facts
        facts={[
          [common.description, description],
          [t.does, what.kind === 'action' ? what.action : (kindNames[what.kind] ?? what.kind)],
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
              .map((one) =>
                one.enabled
                  ? rhythmWords(rhythmOf(one.cron))
                  : t.scheduleOff({ schedule: rhythmWords(rhythmOf(one.cron)) }),
              )
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
      {removing && (
        <FormDialog
          title={t.removeJob({ name })}
          label={common.remove}
          look="danger"
          onClose={() => setRemoving(false)}
          send={async () => {
            await client.job.remove({ id })
            await refresh()
          }}
        >
          <p>{t.removeJobHelp}</p>
        </FormDialog>
      )}
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
