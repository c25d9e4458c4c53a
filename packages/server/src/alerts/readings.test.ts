import { newOwnId, type JobId, type Run } from '@nixen/api'
import { describe, expect, test } from 'vitest'
import type { StoredJob } from '../jobs/job-store.ts'
import type { JobFact } from './facts.ts'
import { jobFailed, jobLate } from './job-readings.ts'
import { certificateReading, percent, shareReading } from './readings.ts'

test.each([
  [0.96, { above: 0.9 }, 'on'],
  [0.9, { above: 0.9 }, 'between'],
  [0.86, { above: 0.9 }, 'between'],
  [0.85, { above: 0.9 }, 'off'],
  [0.86, { above: 0.9, clear: 0.9 }, 'off'],
  [undefined, { above: 0.9 }, 'unknown'],
  [Number.NaN, { above: 0.9 }, 'unknown'],
] as const)('%s against %o is %s', (share, limits, reading) =>
  expect(shareReading(share, limits).reading).toBe(reading),
)

test('percents are whole, but for what is nearly full', () => {
  expect([percent(0.914), percent(0.9996), percent(1)]).toEqual(['91 %', '100.0 %', '100 %'])
})

test('a certificate is told before it ends, and when it has', () => {
  const day = 86_400_000
  expect([22, 20.5, -1].map((left) => certificateReading(left * day, 21))).toEqual([
    { reading: 'off', value: 'expires in 22 days' },
    { reading: 'on', value: 'expires in 21 days' },
    { reading: 'on', value: 'has expired' },
  ])
})

describe('a job', () => {
  const hour = 3_600_000
  const now = Date.parse('2026-03-02T08:00:00Z')
  const at = (text: string): number => Date.parse(`2026-${text}Z`)
  const id: JobId = newOwnId<'job'>()
  const run = (state: Run['state'], started: number, schedule?: string): Run => ({
    id: newOwnId<'run'>(),
    job: id,
    jobName: 'x',
    trigger: 'schedule',
    state,
    started,
    objects: 1,
    done: 0,
    failed: 0,
    summary: `It ${state}.`,
    ...(schedule === undefined ? {} : { schedule }),
  })
  const fact = (runs: readonly Run[], more: Partial<StoredJob> = {}): JobFact => {
    const schedules = [{ name: 'nightly', cron: '30 2 * * *', timeZone: 'UTC', enabled: true }]
    // Only what is looked at.
    return {
      job: { id, name: 'x', enabled: true, created: at('02-01T00:00:00'), schedules, ...more } as StoredJob,
      runs,
    }
  }

  test.each([
    ['nothing ran', [], 'off'],
    ['the last one failed', [run('failed', 2), run('succeeded', 1)], 'on'],
    ['one goes on after a failure', [run('running', 3), run('failed', 2)], 'on'],
    ['somebody cancelled one after a good one', [run('cancelled', 3), run('warned', 2)], 'off'],
    ['Nixen was stopped', [run('interrupted', 2)], 'on'],
  ] as const)('failed when %s', (_what, runs, reading) => {
    expect(jobFailed(fact(runs)).reading).toBe(reading)
  })

  test.each([
    ['nothing ran', [], {}, 'on'],
    ['it ran when it was due', [run('succeeded', at('03-02T02:30:01'))], {}, 'off'],
    [
      'the good run is of yesterday',
      [run('failed', at('03-02T02:30:01')), run('succeeded', at('03-01T02:30:01'))],
      {},
      'on',
    ],
    ['it goes on', [run('running', at('03-02T02:30:01'))], {}, 'off'],
    ['it hangs since yesterday', [run('running', at('03-01T02:30:01'))], {}, 'on'],
    ['another schedule ran', [run('succeeded', at('03-02T03:00:00'), 'weekly')], {}, 'on'],
    ['it is switched off', [], { enabled: false }, 'off'],
    ['it was made after that', [], { created: at('03-02T05:00:00') }, 'off'],
  ] as const)('is late or not when %s', (_what, runs, more, reading) => {
    expect(jobLate(fact(runs, more), 2 * hour, now).reading).toBe(reading)
  })

  test('is not late before its time has passed', () => {
    const yesterday = [run('succeeded', at('03-01T02:30:01'))]
    expect(jobLate(fact(yesterday), 6 * hour, now).reading).toBe('off')
    expect(jobLate(fact(yesterday), 5 * hour, now)).toEqual({
      reading: 'on',
      value: 'nightly was due at 2026-03-02 02:30 UTC; the last good run began at 2026-03-01 02:30 UTC.',
    })
  })
})
