import { expect, test } from 'vitest'
import { formatAgo, formatBytes, formatDuration, formatPart } from './format.ts'

test('moments are told from now', () => {
  const now = Date.UTC(2026, 0, 31)
  const words = [0, -5000, -120_000, -7_200_000, 86_400_000 * 3].map((distance) => formatAgo(now + distance, now))
  expect(new Set(words).size).toBe(5)
  expect(formatAgo(now - 86_400_000 * 40, now)).toContain('2025')
})

test.each([
  [0, '0 B'],
  [1023, '1,023 B'],
  [1536, '1.5 KiB'],
  [100 * 1024 ** 2, '100 MiB'],
  [1024 ** 4 - 1, '1 TiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes).replace(',', '')).toBe(text.replace(',', ''))
})

test.each([
  [250, '250 ms'],
  [1500, '1.5 s'],
  [93_784, '1 min 34 s'],
  [90_000_000, '1 d 1 h'],
])('%d milliseconds are %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})

test('parts are percents', () => {
  expect(formatPart(0.421)).toMatch(/^42\s?%$/u)
})
