import { expect, test } from 'vitest'
import { progressOf, remaining } from './run-figures.ts'

test.each([
  { took: 60_000, progress: 0.25, left: 180_000 },
  { took: 60_000, progress: 1, left: 0 },
  { took: 10_000, progress: 0.3, left: 24_000 },
  // A first block says little, and so does a first second.
  { took: 60_000, progress: 0.01, left: undefined },
  { took: 1000, progress: 0.5, left: undefined },
])('after $took ms at $progress it takes $left ms more', ({ took, progress, left }) => {
  expect(remaining({ started: 5, progress, now: 5 + took })).toBe(left)
})

test('a run is as far as its objects together', () => {
  const items = [{ state: 'succeeded' }, { state: 'failed' }, { state: 'running' }, { state: 'waiting' }] as const
  expect(progressOf(items, new Map())).toBe(0.5)
  expect(progressOf([], new Map())).toBe(0)
})
