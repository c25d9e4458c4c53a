import type { Snapshot } from '@nixen/backup'
import { expect, test } from 'vitest'
import { planForgetVerified } from './plan-verified.ts'

const day = 24 * 3600 * 1000
const point = (id: string, age: number, path = '/a') =>
  // Only what the planner looks at.
  ({ id, time: 100 * day - age * day, hostname: 'vm', paths: [path], tags: [] }) as unknown as Snapshot

const points = [
  point('today', 0),
  point('good-1', 1),
  point('bad-2', 2),
  point('good-3', 3),
  point('old-4', 4),
  point('good-5', 5),
  point('other-9', 9, '/b'),
]
const idsOf = (list: readonly { readonly point: Snapshot }[]) => list.map((one) => one.point.id)

test('only what was found good counts, what is newer waits, and a VM without a good point loses nothing', () => {
  const verified = new Set(['good-1', 'good-3', 'good-5'])
  const plan = planForgetVerified(points, { policy: { last: 2 }, now: 100 * day, verified })
  expect(idsOf(plan.keep).toSorted()).toEqual(['good-1', 'good-3', 'other-9', 'today'])
  expect(idsOf(plan.forget).toSorted()).toEqual(['bad-2', 'good-5', 'old-4'])
})

test('without any good point everything stays', () => {
  expect(planForgetVerified(points, { policy: { last: 1 }, now: 100 * day, verified: new Set() }).forget).toEqual([])
})
