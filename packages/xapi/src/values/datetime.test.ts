import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDatetime, parseDatetime } from './datetime.ts'

describe('parseDatetime', () => {
  test.each([
    ['20260821T02:00:23Z', Date.UTC(2026, 7, 21, 2, 0, 23)],
    ['19700101T00:00:00Z', 0],
    ['2024-04-20T12:00:00Z', Date.UTC(2024, 3, 20, 12)],
    ['20240420T12:00:00', Date.UTC(2024, 3, 20, 12)],
    ['2024-04-20T12:00:00+02:00', Date.UTC(2024, 3, 20, 10)],
    ['20240420T12:00:00-0330', Date.UTC(2024, 3, 20, 15, 30)],
    ['2024-04-20T12:00:00.250Z', Date.UTC(2024, 3, 20, 12, 0, 0, 250)],
    ['1627478400.', 1_627_478_400_000],
    ['1627478400.5', 1_627_478_400_500],
    ['-1.', -1000],
    ['20240229T00:00:00Z', Date.UTC(2024, 1, 29)],
    ['00010101T00:00:00Z', Date.parse('0001-01-01T00:00:00Z')],
    ['20161231T23:59:60Z', Date.UTC(2017, 0, 1)],
  ])('reads %s', (text, time) => expect(parseDatetime(text)).toBe(time))

  test.each([
    '',
    'never',
    '20260821',
    '20260821T25:00:00Z',
    '20230229T00:00:00Z',
    '20261301T00:00:00Z',
    '20260800T00:00:00Z',
    '20260821T02:00:23+99:00',
    '1627478400',
    '20260821T02:00:23Z ',
    '２０260821T02:00:23Z',
  ])('takes %j for no date', (text) => expect(parseDatetime(text)).toBeUndefined())

  test('reads back every whole second that it writes, as Date does', () => {
    const seconds = fc.integer({ min: -62_167_219_200, max: 253_402_300_799 })
    fc.assert(
      fc.property(seconds, (second) => {
        const text = formatDatetime(second * 1000)
        expect(parseDatetime(text)).toBe(second * 1000)
        expect(parseDatetime(new Date(second * 1000).toISOString())).toBe(second * 1000)
      }),
    )
  })
})

describe('formatDatetime', () => {
  test('writes the form that every host reads, and cuts off fractions', () => {
    expect(formatDatetime(Date.UTC(2026, 7, 21, 2, 0, 23, 999))).toBe('20260821T02:00:23Z')
    expect(formatDatetime(-1)).toBe('19691231T23:59:59Z')
  })

  test.each([Number.NaN, Infinity, 1e18, -1e18])('refuses %s', (time) =>
    expect(() => formatDatetime(time)).toThrow(RangeError),
  )
})
