import { compileQuery, queryTable, type Job, type JobWork, type RepositoryId } from '@nixen/api'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useBlocker, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { useDeferredValue, useEffect, useMemo, useRef, useState, type ReactNode } from 'react'
import { formatTime } from '../../format/format.ts'
import { backup } from '../../i18n/backup.ts'
import { common } from '../../i18n/common.ts'
import { jobsText as t } from '../../i18n/jobs.ts'
import { lists } from '../../i18n/lists.ts'
import { shell } from '../../i18n/shell.ts'
import { QueryBar } from '../../lists/query-bar.tsx'
import { inventory, useAll } from '../../live/live.ts'
import { lacking, useAccess } from '../../session/may.ts'
import { client } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { errorText } from '../../ui/error-text.ts'
import { CheckField, ChoiceField, SelectField, TextField } from '../../ui/field.tsx'
import { Notice } from '../../ui/notice.tsx'
import { Card, Page } from '../../ui/page.tsx'
import { toast } from '../../ui/toasts.tsx'
import { useWork } from '../../ui/use-work.ts'
import { jobsQuery, repositoriesQuery } from '../backup-queries.ts'
import { channelsQuery } from '../settings/settings-queries.ts'
import { draftOf, isStoring, jobOf, newDraft, sameJob, newSchedule, words, type JobDraft } from './draft.ts'
import { cronOf } from './rhythm.ts'
import { ScheduleFields } from './schedule-fields.tsx'
import { sentenceOf } from './sentence.ts'
import { WorkFields } from './work-fields.tsx'

const crumbs = [{ label: shell.jobs, to: '/jobs' }]

/** Makes a job, or changes one. */
export function JobEditorPage(): ReactNode {
  const { id } = useParams({ strict: false })
  const { q = '' } = useSearch({ strict: false })
  const jobs = useQuery(jobsQuery)
  const repositories = useQuery(repositoriesQuery)
  const found = jobs.data?.find((one) => one.id === id)
  const last = useRef<Job>(undefined)
  if (found) last.current = found
  // One that is removed while it is changed stays, with what was typed.
  const job = found ?? (last.current?.id === id ? last.current : undefined)
  const error = jobs.error ?? repositories.error
  if (jobs.data && repositories.data && (id === undefined || job)) {
    const first = repositories.data[0]?.id
    const work: JobWork & { kind: 'backup' } = {
      kind: 'backup',
      repositories: first === undefined ? [] : [first],
      mode: 'crash',
      quiesce: 'try',
      keepData: false,
      verify: 0.01,
    }
    return (
      <Editor key={id ?? 'new'} job={job} isGone={job !== found} initial={job ? draftOf(job) : newDraft(q, work)} />
    )
  }
  const isGone = jobs.data !== undefined && id !== undefined
  return (
    <Page title={isGone ? lists.noSuch.job : common.loading} crumbs={crumbs}>
      {error ? (
        <Notice tone="bad">{errorText(error)}</Notice>
      ) : isGone ? (
        common.goneWhy
      ) : (
        <p role="status">{common.loading}</p>
      )}
    </Page>
  )
}

interface EditorProps {
  readonly job: Job | undefined
  /** Somebody has removed it meanwhile: it can be made again. */
  readonly isGone: boolean
  readonly initial: JobDraft
}

function Editor({ job, isGone, initial }: EditorProps): ReactNode {
  const [draft, setDraft] = useState(initial)
  const [first] = useState(initial)
  const [before] = useState(job)
  const saved = useRef(false)
  const navigate = useNavigate()
  const queries = useQueryClient()
  const access = useAccess()
  const work = useWork()
  const set = (next: Partial<JobDraft>): void => setDraft({ ...draft, ...next })
  useUnsaved(() => draft !== first && !saved.current)
  const send = async (): Promise<void> => {
    if (job && !isGone) await client.job.update({ id: job.id, ...jobOf(draft) })
    else await client.job.create(jobOf(draft))
    saved.current = true
    await queries.invalidateQueries({ queryKey: jobsQuery.queryKey })
    toast('good', draft.name)
    await navigate({ to: '/jobs' })
  }
  const needs = isStoring(draft.work) && draft.work.repositories.length === 0
  const reason =
    lacking(access, job && !isGone ? 'job:update' : 'job:create') ??
    (needs ? `${t.where}: ${common.choose}` : undefined)
  return (
    <Page title={job ? t.editOf({ name: job.name }) : backup.newJob} crumbs={crumbs}>
      <form
        className="grid max-w-5xl items-start gap-4 xl:grid-cols-[minmax(0,1fr)_20rem]"
        onSubmit={(event) => {
          event.preventDefault()
          if (reason === undefined) void work.run(send)
        }}
      >
        <div className="grid min-w-0 gap-4">
          <Card title={t.what}>
            <div className="grid gap-4">
              <TextField
                label={common.name}
                required
                autoFocus={!job}
                maxLength={200}
                value={draft.name}
                onChange={({ target }) => set({ name: target.value })}
              />
              <WorkFields work={draft.work} onChange={(next) => set({ work: next })} />
            </div>
          </Card>
          <WhichCard draft={draft} set={set} />
          {isStoring(draft.work) && (
            <WhereCard
              chosen={draft.work.repositories}
              onChange={(repositories) => {
                if (isStoring(draft.work)) set({ work: { ...draft.work, repositories } })
              }}
            />
          )}
          <Card title={t.when}>
            <div className="grid gap-4">
              {draft.schedules.length === 0 && <p className="text-muted">{t.byHand}</p>}
              {draft.schedules.map((schedule) => (
                <ScheduleFields
                  key={schedule.key}
                  schedule={schedule}
                  keeps={draft.work.kind === 'backup' || draft.work.kind === 'snapshot'}
                  cron={cronOf(schedule.rhythm)}
                  onChange={(next) =>
                    set({ schedules: draft.schedules.map((one) => (one.key === next.key ? next : one)) })
                  }
                  onRemove={() => set({ schedules: draft.schedules.filter(({ key }) => key !== schedule.key) })}
                />
              ))}
              <div className="flex flex-wrap items-center gap-4">
                <Button
                  icon={<Plus size={16} aria-hidden />}
                  onClick={() =>
                    set({ schedules: [...draft.schedules, newSchedule(draft.schedules.map(({ name }) => name))] })
                  }
                >
                  {t.scheduleAdd}
                </Button>
                <CheckField
                  label={t.switchedOn}
                  checked={draft.enabled}
                  onChange={({ target }) => set({ enabled: target.checked })}
                />
              </div>
            </div>
          </Card>
          <TellCard draft={draft} set={set} />
        </div>
        <div className="grid gap-4 xl:sticky xl:top-4">
          <Preview draft={draft} />
          {isGone && <Notice tone="warn">{t.goneMeanwhile}</Notice>}
          {job && before && !isGone && !sameJob(before, job) && <Notice tone="warn">{t.changedMeanwhile}</Notice>}
          {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
          <div className="flex gap-2">
            <Button type="submit" look="solid" disabled={work.busy} reason={reason}>
              {job && !isGone ? common.save : t.create}
            </Button>
            <Link
              to="/jobs"
              className="border-line bg-raised hover:bg-hover inline-flex min-h-8 items-center rounded-md border px-3 text-sm font-medium"
            >
              {common.cancel}
            </Link>
          </div>
        </div>
      </form>
    </Page>
  )
}

/** Asks before what was typed is left behind, by a link or by closing the window. */
function useUnsaved(isUnsaved: () => boolean): void {
  useBlocker({
    // A question of the browser: it can be answered by keyboard, and stands above everything.
    // oxlint-disable-next-line no-alert
    shouldBlockFn: () => isUnsaved() && !confirm(common.leave),
    enableBeforeUnload: isUnsaved,
  })
}

type Setting = { readonly draft: JobDraft; readonly set: (next: Partial<JobDraft>) => void }

function WhichCard({ draft, set }: Setting): ReactNode {
  const vms = useAll('vm')
  const compiled = compileQuery(draft.q, queryTable('vm'), { now: Date.now(), nameOf: inventory.nameOf })
  return (
    <Card title={t.which}>
      <div className="grid gap-3">
        <div className="flex">
          <QueryBar
            type="vm"
            text={draft.q}
            onChange={(q) => set({ q })}
            problem={compiled.ok ? undefined : compiled.problem}
            objects={vms}
            nameOf={inventory.nameOf}
          />
        </div>
        <p className="text-muted text-xs">{t.whichHelp}</p>
        {draft.ids.length > 0 && <p>{t.chosen({ n: draft.ids.length })}</p>}
        <TextField
          label={t.excludeTags}
          value={draft.excludeTags}
          onChange={({ target }) => set({ excludeTags: target.value })}
        />
      </div>
    </Card>
  )
}

function WhereCard({
  chosen,
  onChange,
}: {
  readonly chosen: readonly RepositoryId[]
  readonly onChange: (chosen: RepositoryId[]) => void
}): ReactNode {
  const repositories = useQuery(repositoriesQuery).data ?? []
  return (
    <Card title={t.where}>
      {repositories.length === 0 ? (
        <Notice tone="warn">
          {t.noRepository}{' '}
          <Link to="/repositories" className="underline">
            {shell.repositories}
          </Link>
        </Notice>
      ) : (
        <ChoiceField
          label={shell.repositories}
          options={repositories.map(({ id, name }) => ({ id, label: name }))}
          chosen={chosen}
          onChange={(ids) => onChange(repositories.flatMap(({ id }) => (ids.includes(id) ? [id] : [])))}
        />
      )}
    </Card>
  )
}

function TellCard({ draft, set }: Setting): ReactNode {
  const channels = useQuery(channelsQuery).data ?? []
  const reports = ['always', 'failure', 'never'] as const
  return (
    <Card title={t.tell}>
      <div className="grid gap-4">
        <SelectField
          label={t.report}
          value={draft.report}
          onChange={({ target }) => set({ report: reports.find((one) => one === target.value) ?? 'failure' })}
        >
          {reports.map((report) => (
            <option key={report} value={report}>
              {t.reports[report]}
            </option>
          ))}
        </SelectField>
        {channels.length === 0 ? (
          <p className="text-muted">{t.noChannels}</p>
        ) : (
          <ChoiceField
            label={t.tell}
            options={channels.map(({ id, name }) => ({ id, label: name }))}
            chosen={draft.channels}
            onChange={(ids) => set({ channels: channels.flatMap(({ id }) => (ids.includes(id) ? [id] : [])) })}
          />
        )}
      </div>
    </Card>
  )
}

/** What it will do, how many VMs that are now, and when. The VMs are counted in the browser, the rest asks the server. */
function Preview({ draft }: { readonly draft: JobDraft }): ReactNode {
  const vms = useAll('vm')
  const q = useDeferredValue(draft.q)
  const repositories = useQuery(repositoriesQuery).data ?? []
  const found = useMemo(() => {
    const compiled = compileQuery(q, queryTable('vm'), { now: Date.now(), nameOf: inventory.nameOf })
    const without = new Set(words(draft.excludeTags))
    return compiled.ok
      ? vms.filter((vm) => compiled.matches(vm) && !vm.tags.some((tag) => without.has(tag)))
      : undefined
  }, [q, vms, draft.excludeTags])
  const names = repositories.filter(({ id }) => isStoring(draft.work) && draft.work.repositories.includes(id))
  const next = useNext(draft)
  return (
    <section className="bg-panel border-line grid gap-3 rounded-lg border p-4" aria-label={t.sentence}>
      <h2 className="font-semibold">{t.sentence}</h2>
      <p aria-live="polite">
        {sentenceOf(draft, { count: found?.length, repositories: names.map(({ name }) => name) })}
      </p>
      {found && (
        <div>
          <p className="font-medium">{t.matches({ n: found.length })}</p>
          <p className="text-muted line-clamp-5 text-xs break-words" translate="no">
            {found
              .slice(0, 20)
              .map(({ name }) => name)
              .join(', ')}
            {found.length > 20 ? ', …' : ''}
          </p>
        </div>
      )}
      <div>
        <p className="font-medium">{t.nextRuns}</p>
        {next.length === 0 ? (
          <p className="text-muted">{t.noNext}</p>
        ) : (
          <ul className="text-muted text-xs">
            {next.map((at) => (
              <li key={at}>
                <time dateTime={new Date(at).toISOString()}>{formatTime(at)}</time>
              </li>
            ))}
          </ul>
        )}
      </div>
    </section>
  )
}

/** The next runs of a draft; what the fields of cron do not say yet is left out. */
function useNext(draft: JobDraft): readonly number[] {
  const [next, setNext] = useState<readonly number[]>([])
  useEffect(() => {
    let isOver = false
    const look = async (): Promise<void> => {
      const { timesAfter } = await import('./times.ts')
      if (isOver) return
      const on = draft.enabled ? draft.schedules.filter(({ enabled }) => enabled) : []
      const times = on.flatMap(({ rhythm, timeZone }) =>
        timesAfter({ cron: cronOf(rhythm), timeZone }, { from: Date.now(), most: 5 }),
      )
      setNext(times.toSorted((a, b) => a - b).slice(0, 5))
    }
    // It fails only without the network, and then the list stays as it was.
    look().catch(() => undefined)
    return () => void (isOver = true)
  }, [draft.schedules, draft.enabled])
  return next
}
