import { describe, expect, test } from 'vitest'
import { lastDue, timesOf } from './schedule.ts'

const schedule = { name: 'nightly', cron: '30 2 * * *', timeZone: 'Europe/Berlin', enabled: true }
const at = (text: string): number => Date.parse(text)

describe('times of a schedule', () => {
  test.each([
    ['an ordinary night', '2026-01-10T00:00:00Z', '2026-01-10T01:30:00Z'],
    ['a time that summer time leaves out comes when the clock jumps', '2026-03-28T12:00:00Z', '2026-03-29T01:00:00Z'],
    ['the hour that comes twice runs once', '2026-10-24T12:00:00Z', '2026-10-25T00:30:00Z'],
    ['and not again in its second hour', '2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z'],
  ])('%s', (_, after, expected) => {
    expect(new Date(timesOf(schedule).next(at(after)) ?? 0).toISOString()).toBe(new Date(expected).toISOString())
  })

  test.each([
    ['a minute that is none', { ...schedule, cron: '70 2 * * *' }],
    ['no cron at all', { ...schedule, cron: 'every night' }],
    ['a zone that is none', { ...schedule, timeZone: 'Europe/Atlantis' }],
  ])('%s is refused with the name of the schedule', (_, wrong) => {
    expect(() => timesOf(wrong)).toThrow(
      expect.objectContaining({ code: 'job.bad_schedule', message: expect.stringContaining('nightly') }),
    )
  })

  test('a zone that is none is named, in one sentence', () => {
    expect(() => timesOf({ ...schedule, timeZone: 'Mars/X' })).toThrow(
      'The schedule nightly cannot be: Mars/X is no time zone; Europe/Berlin is one.',
    )
  })

  test('a date that never comes has no next time', () => {
    expect(timesOf({ ...schedule, cron: '0 0 30 2 *' }).next(at('2026-01-01T00:00:00Z'))).toBeUndefined()
  })
})

describe('what was due while nobody looked', () => {
  const times = timesOf({ ...schedule, cron: '0 * * * *', timeZone: 'UTC' })

  test('is the last time, not each of them', () => {
    expect(lastDue(times, at('2026-01-01T00:30:00Z'), at('2026-01-03T10:10:00Z'))).toBe(at('2026-01-03T10:00:00Z'))
  })

  test('is nothing when the next time is still to come', () => {
    expect(lastDue(times, at('2026-01-01T00:30:00Z'), at('2026-01-01T00:59:59Z'))).toBeUndefined()
  })

  test('is found soon for a schedule of every second after a year', () => {
    const often = timesOf({ ...schedule, cron: '* * * * * *', timeZone: 'UTC' })
    expect(lastDue(often, at('2025-01-01T00:00:00Z'), at('2026-01-01T00:00:00Z'))).toBe(at('2026-01-01T00:00:00Z'))
  })
})
