import { newOwnId, type Run, type RunItem } from '@nixen/api'
import { describe, expect, test } from 'vitest'
import { alertMessage } from '../alerts/alert-message.ts'
import type { AlertState } from '../alerts/state.ts'
import { checkTemplate, fill, placeholders, usualMessages } from '../alerts/template.ts'
import { htmlPage } from './html.ts'
import type { Message } from './message.ts'
import { isReported, reportMessage } from './report.ts'
import { testMessage } from './test-message.ts'

// Every message as it leaves, in files that people read: what changes there is meant.

const now = Date.parse('2026-03-02T08:00:00Z')
const url = 'https://nixen.example.net/'
const minute = 60_000

const state = (name: string, more: Partial<AlertState> = {}): AlertState => ({
  on: `vm.c.${name}`,
  onName: name,
  phase: 'firing',
  since: now - 10 * minute,
  fired: now - 10 * minute,
  message: `${name} fits "power:halted".`,
  value: 'power:halted',
  ...more,
})
const alert = {
  id: newOwnId<'alert'>(),
  name: 'Should <run>',
  severity: 'critical',
  condition: { kind: 'query', type: 'vm', q: 'power:halted' },
} as const
const over = { phase: 'over', since: now - minute } as const

const job = { id: newOwnId<'job'>(), name: 'Every night' }
const run: Run = {
  id: newOwnId<'run'>(),
  job: job.id,
  jobName: job.name,
  schedule: 'nightly',
  trigger: 'schedule',
  state: 'failed',
  started: now - 95 * minute,
  finished: now,
  objects: 4,
  done: 3,
  failed: 1,
  read: 5_000_000_000,
  written: 700_000_000,
  summary: '1 of 4 failed; db <main>: The storage "ssd" is full.',
}
const item = (name: string, more: Partial<RunItem>): RunItem => ({
  name,
  state: 'succeeded',
  notes: [],
  started: now - 90 * minute,
  finished: now - 60 * minute,
  ...more,
})
const items: readonly RunItem[] = [
  item('web-01', { read: 4_000_000_000, written: 600_000_000 }),
  item('web-02', {
    state: 'warned',
    read: 1_000_000_000,
    written: 100_000_000,
    notes: ['The whole disk was read: change tracking is off.'],
  }),
  item('old', { state: 'skipped', notes: ['The VM is gone.'] }),
  item('db <main>', {
    state: 'failed',
    error: { code: 'storage.full', message: 'The storage "ssd" is full.', details: {} },
  }),
]

const messages: readonly (readonly [string, Message])[] = [
  ['test', testMessage('On call', now)],
  ['alert-one', alertMessage({ alert, word: 'alert', states: [state('web')], now, url })],
  ['alert-many', alertMessage({ alert, word: 'alert', states: [state('web'), state('db & co')], now, url })],
  ['reminder', alertMessage({ alert, word: 'reminder', states: [state('web')], now })],
  ['clear', alertMessage({ alert, word: 'clear', states: [state('web', over)], now })],
  ['clear-many', alertMessage({ alert, word: 'clear', states: [state('web', over), state('db', over)], now })],
  ['report-failed', reportMessage({ job, run, items, url })],
  [
    'report-succeeded',
    reportMessage({
      job,
      run: { ...run, state: 'succeeded', trigger: 'hand', failed: 0, summary: '1 of 1 done.' },
      items: items.slice(0, 1),
    }),
  ],
]

test.each(messages)('the message "%s" is as it was agreed', async (name, { subject, severity, text, html }) => {
  await expect(`Subject: ${subject}\nSeverity: ${severity}\n\n${text}`).toMatchFileSnapshot(`golden/${name}.txt`)
  await expect(html).toMatchFileSnapshot(`golden/${name}.html.txt`)
  expect(subject).not.toMatch(/[\r\n]/)
  expect(html).not.toContain('<main>')
})

describe('a template', () => {
  test('takes every placeholder, and text that looks like one is text', () => {
    checkTemplate(placeholders.map((name) => `{${name}}`).join(' '))
    for (const usual of Object.values(usualMessages)) checkTemplate(usual)
    // The keys are those of the list.
    const values = Object.fromEntries(placeholders.map((name) => [name, '{value}'])) as Parameters<typeof fill>[1]
    expect(fill('{object.name} {rule} { value } {"a":1}', values)).toBe('{value} {value} { value } {"a":1}')
  })

  test('that names what there is not is refused', () => {
    expect(() => checkTemplate('{object.nmae} is down')).toThrow(
      expect.objectContaining({ code: 'alert.bad_template' }),
    )
  })
})

test('HTML is escaped wherever text comes in', () => {
  const evil = `"><script>alert('1')</script>&`
  const html = htmlPage({
    subject: evil,
    lead: evil,
    table: { head: [evil], rows: [[evil]] },
    notes: [evil],
    url: evil,
  })
  expect(html).not.toContain('<script>')
  expect(html).not.toContain(`"><`.concat('script'))
})

test.each([
  ['failure', 'failed', true],
  ['failure', 'warned', true],
  ['failure', 'interrupted', true],
  ['failure', 'succeeded', false],
  ['failure', 'cancelled', false],
  ['always', 'succeeded', true],
  ['never', 'failed', false],
] as const)('with "%s" a run that %s is told: %s', (report, end, told) => {
  expect(isReported(report, { state: end })).toBe(told)
})
