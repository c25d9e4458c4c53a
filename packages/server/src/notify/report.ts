import type { Run, RunItem } from '@nixen/api'
import { assertNever, formatBytes, formatDuration } from '@nixen/core'
import type { StoredJob } from '../jobs/job-store.ts'
import { htmlPage } from './html.ts'
import { formatTime, type Message } from './message.ts'

export interface ReportOptions {
  readonly job: Pick<StoredJob, 'id' | 'name'>
  readonly run: Run
  readonly items: readonly RunItem[]
  /** Address of Nixen, when it is known. */
  readonly url?: string | undefined
}

/** Objects that a report lists. */
const mostRows = 500
const head = ['Object', 'State', 'Read', 'Written', 'Took', 'Reason'] as const

/** Whether somebody has to be told of a run. Who cancels one knows. Pure. */
export function isReported(report: StoredJob['report'], { state }: Pick<Run, 'state'>): boolean {
  switch (report) {
    case 'never':
      return false
    case 'always':
      return true
    case 'failure':
      return state === 'failed' || state === 'warned' || state === 'interrupted'
    default:
      return assertNever(report, 'report')
  }
}

/** What came of a run: the sentence first, then every object, those that need somebody first. Pure. */
export function reportMessage({ job, run, items, url }: ReportOptions): Message {
  const at = run.finished ?? run.started
  const took = formatDuration(at - run.started)
  const outcome = outcomeOf(run.state)
  const subject = `[${run.state}] ${job.name}: ${run.summary ?? outcome}`.replaceAll(/\s+/g, ' ').slice(0, 250)
  const lead = `${job.name} ${outcome} on ${formatTime(at)}, after ${took}. ${run.summary ?? ''}`.trim()
  const sorted = items.toSorted((a, b) => rank(a) - rank(b))
  const rows = sorted.slice(0, mostRows).map(rowOf)
  const notes = [
    ...(items.length > mostRows ? [`… and ${items.length - mostRows} more.`] : []),
    `Began ${formatTime(run.started)}, ${triggerOf(run)}. Read ${formatBytes(run.read ?? 0)}, wrote ${formatBytes(run.written ?? 0)}.`,
  ]
  return {
    kind: 'report',
    severity: severityOf(run.state),
    subject,
    text: `${[lead, '', ...textTable(rows), '', ...notes, ...(url === undefined ? [] : [url])].join('\n')}\n`,
    html: htmlPage({ subject, lead, table: { head, rows }, notes, url }),
    url,
    at,
    data: { job: { id: job.id, name: job.name }, run: { ...run }, items: sorted.slice(0, mostRows) },
  }
}

function outcomeOf(state: Run['state']): string {
  switch (state) {
    case 'succeeded':
      return 'went well'
    case 'warned':
      return 'went well with warnings'
    case 'failed':
      return 'failed'
    case 'cancelled':
      return 'was cancelled'
    case 'interrupted':
      return 'was interrupted'
    case 'skipped':
      return 'was left out'
    case 'running':
      return 'runs'
    default:
      return assertNever(state, 'state')
  }
}

function severityOf(state: Run['state']): Message['severity'] {
  if (state === 'failed' || state === 'interrupted') return 'critical'
  return state === 'succeeded' ? 'ok' : 'warning'
}

const ranks: readonly RunItem['state'][] = [
  'failed',
  'interrupted',
  'cancelled',
  'warned',
  'skipped',
  'running',
  'waiting',
  'succeeded',
]

function rank({ state }: RunItem): number {
  return ranks.indexOf(state)
}

function rowOf({ name, state, read, written, started, finished, error, notes }: RunItem): readonly string[] {
  const took = started === undefined || finished === undefined ? '' : formatDuration(finished - started)
  const size = (bytes: number | undefined): string => (bytes === undefined ? '' : formatBytes(bytes))
  return [name, state, size(read), size(written), took, [error?.message, ...notes].filter(Boolean).join(' ')]
}

function triggerOf({ trigger, schedule }: Run): string {
  if (trigger === 'hand') return 'by hand'
  if (trigger === 'sequence') return 'after another job'
  return `by the schedule ${schedule ?? ''}${trigger === 'missed' ? ', which was missed' : ''}`
}

/** Columns that line up in a fixed font; the last one, of any length, is not padded. */
function textTable(rows: readonly (readonly string[])[]): readonly string[] {
  const all = [head, ...rows.map((row) => row.map((cell) => cell.replaceAll(/\s+/g, ' ')))]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}
