import { expect, test } from 'vitest'
import { capital, countOf, formatAgo, spaced } from './format.ts'

test('moments are told from now', () => {
  const now = Date.UTC(2026, 0, 31)
  const words = [0, -5000, -120_000, -7_200_000, 86_400_000 * 3].map((distance) => formatAgo(now + distance, now))
  expect(new Set(words).size).toBe(5)
  expect(formatAgo(now - 86_400_000 * 40, now)).toContain('2025')
})

test('words are made for people', () => {
  expect([countOf(1, 'VM'), countOf(2, 'VM'), spaced('hardShutdown'), capital('vm')]).toEqual([
    '1 VM',
    '2 VMs',
    'hard shutdown',
    'Vm',
  ])
})
