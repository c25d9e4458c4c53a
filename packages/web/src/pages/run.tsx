import type { RunDetail } from '@nixen/api'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { formatBytes, formatDuration, formatTime } from '../format/format.ts'
import { WorkState } from '../lists/states.tsx'
import { errorText } from '../ui/error-text.ts'
import { ObjectLink } from '../ui/link-to.tsx'
import { Notice } from '../ui/notice.tsx'
import { Card, Facts, Page } from '../ui/page.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { runQuery } from './backup-queries.ts'
import { ItemRate, ItemState, rateOf, RunLog, RunProgress } from './run-live.tsx'
import { common } from '../i18n/common.ts'
import { shell } from '../i18n/shell.ts'
import { backup as t } from '../i18n/backup.ts'

const crumbs = [{ label: shell.jobs, to: '/jobs' }]

/** One run of a job: what it did with each object. */
export function RunPage(): ReactNode {
  const { id = '' } = useParams({ strict: false })
  const { data: run, error } = useQuery(runQuery(id))
  if (run) return <RunDetails run={run} />
  return (
    <Page title={t.run} crumbs={crumbs}>
      {error ? <Notice tone="bad">{errorText(error)}</Notice> : <p role="status">{common.loading}</p>}
    </Page>
  )
}

function RunDetails({ run }: { readonly run: RunDetail }): ReactNode {
  const { jobName, schedule, state, started, finished, objects, done, failed, read, written, summary, items } = run
  return (
    <Page title={`${jobName}, ${formatTime(started)}`} crumbs={crumbs} note={<WorkState state={state} />}>
      {summary !== undefined && <p>{summary}</p>}
      <RunProgress run={run} />
      <Card title={t.cameOfIt}>
        <Facts
          facts={[
            [t.schedule, schedule ?? t.byHand],
            [t.took, finished === undefined ? undefined : formatDuration(finished - started)],
            [t.objects, t.endedWell({ done, all: objects, failed })],
            [t.read, read === undefined ? undefined : formatBytes(read)],
            [t.rate, read === undefined ? undefined : rateOf({ bytes: read, from: started, to: finished })],
            [t.written, written === undefined ? undefined : formatBytes(written)],
          ]}
        />
      </Card>
      <Card title={t.eachObject}>
        <SimpleTable
          label={t.eachObject}
          heads={[common.name, common.state, t.took, t.read, t.rate, t.written, t.notes]}
          none={t.onNothing}
          rows={items.map((item) => ({
            id: item.id ?? item.name,
            cells: [
              item.id?.startsWith('vm.') === true ? <ObjectOrName id={item.id} name={item.name} /> : item.name,
              <ItemState item={item} />,
              item.started === undefined || item.finished === undefined
                ? '–'
                : formatDuration(item.finished - item.started),
              item.read === undefined ? '–' : formatBytes(item.read),
              <ItemRate item={item} />,
              item.written === undefined ? '–' : formatBytes(item.written),
              <>
                {item.error && <span className="text-bad block">{item.error.message}</span>}
                {item.notes.map((note) => (
                  <span key={note} className="text-muted block text-xs">
                    {note}
                  </span>
                ))}
              </>,
            ],
          }))}
        />
      </Card>
      <RunLog run={run} />
    </Page>
  )
}

/** The name at that time, and a link to what it is now. */
function ObjectOrName({ id, name }: { readonly id: string; readonly name: string }): ReactNode {
  return (
    <span title={name}>
      <ObjectLink id={id} />
    </span>
  )
}
