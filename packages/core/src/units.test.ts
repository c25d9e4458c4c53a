import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatBytes, formatDuration, formatRate, GiB, KiB, MiB, parseBytes, parseDuration, TiB } from './units.ts'

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [100 * KiB, '100 KiB'],
  [1023.6 * KiB, '1 MiB'],
  [8 * GiB, '8 GiB'],
  [-2 * MiB, '-2 MiB'],
  [2 ** 70, '1024 EiB'],
])('%d bytes are shown as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

test('a rate is bytes a second', () => expect(formatRate(1.5 * MiB + 0.2)).toBe('1.5 MiB/s'))

describe('parseBytes', () => {
  test.each([
    ['4096', 4096],
    ['4096B', 4096],
    ['512k', 512 * KiB],
    ['10 GiB', 10 * GiB],
    ['10G', 10 * GiB],
    ['10gb', 10 * GiB],
    ['1.5T', 1.5 * TiB],
    [' 8 MiB ', 8 * MiB],
  ])('reads %j', (text, bytes) => expect(parseBytes(text)).toBe(bytes))

  test.each(['', 'G', '-1', '1.3', '10 GiBs', '1e3', '9000000 EiB', '0x10', '1 2'])('refuses %j', (text) =>
    expect(parseBytes(text)).toBeUndefined(),
  )

  test('reads what formatBytes shows, to the digit that is shown', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 50 }), (bytes) => {
        const back = parseBytes(formatBytes(bytes)) ?? bytes
        expect(Math.abs(back - bytes)).toBeLessThanOrEqual(bytes * 0.051)
      }),
    )
  })
})

describe('parseDuration', () => {
  test.each([
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['1h 30m', 5_400_000],
    ['250ms', 250],
    ['2w', 1_209_600_000],
    ['1.5d', 129_600_000],
  ])('reads %j', (text, ms) => expect(parseDuration(text)).toBe(ms))

  test.each(['', '5', 'm5', '5 parsecs', '1h 30', '-1s'])('refuses %j', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  )
})

test.each([
  [0, '0 ms'],
  [12.4, '12 ms'],
  [1500, '1.5 s'],
  [93_784, '1 min 34 s'],
  [3_600_000, '1 h'],
  [90_061_000, '1 d 1 h'],
  [Infinity, 'unknown'],
])('%d ms are shown as %s', (ms, text) => expect(formatDuration(ms)).toBe(text))
