import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDate, parseDate } from './dates.ts'

describe('dates', () => {
  test('survive the way out and in again, to the second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), (seconds) => {
        expect(parseDate(formatDate(seconds * 1000))).toBe(seconds * 1000)
      }),
    )
  })

  test.each([
    ['20260821T02:00:23Z', '2026-08-21T02:00:23Z'],
    ['2026-08-21T02:00:23Z', '2026-08-21T02:00:23Z'],
    ['20260821T02:00:23', '2026-08-21T02:00:23Z'],
    ['2026-08-21T02:00:23.456+02:00', '2026-08-21T00:00:23Z'],
    ['2026-08-21T02:00:23-0330', '2026-08-21T05:30:23Z'],
    ['19700101T00:00:00Z', '1970-01-01T00:00:00Z'],
    ['1627478400.', '2021-07-28T13:20:00Z'],
  ])('are read as %s', (text, expected) => {
    expect(parseDate(text)).toBe(Date.parse(expected))
  })

  test.each(['', 'now', '2026', '20260821T', 'T02:00:23Z', '20260821T02:00:23X'])('are not %j', (text) => {
    expect(parseDate(text)).toBeUndefined()
  })
})
