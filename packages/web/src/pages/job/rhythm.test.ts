import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { cronOf, rhythmOf, wholeHours, type Rhythm } from './rhythm.ts'

test.each([
  ['30 2 * * *', { kind: 'daily', at: '02:30' }],
  ['0 22 * * 1-5', { kind: 'weekly', at: '22:00', days: [1, 2, 3, 4, 5] }],
  ['15 6 * * 7', { kind: 'weekly', at: '06:15', days: [0] }],
  ['0 * * * *', { kind: 'hourly', hours: 1 }],
  ['0 */6 * * *', { kind: 'hourly', hours: 6 }],
  ['0 */5 * * *', { kind: 'cron', cron: '0 */5 * * *' }],
  ['*/10 * * * *', { kind: 'cron', cron: '*/10 * * * *' }],
  ['0 2 1 * *', { kind: 'cron', cron: '0 2 1 * *' }],
  ['0 0 2 * * 1', { kind: 'cron', cron: '0 0 2 * * 1' }],
  ['30 25 * * *', { kind: 'cron', cron: '30 25 * * *' }],
] as const)('%s is understood', (cron, rhythm) => {
  expect(rhythmOf(cron)).toEqual(rhythm)
})

test('what is chosen is the same after it was kept', () => {
  const at = fc
    .tuple(fc.nat(23), fc.nat(59))
    .map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`)
  const days = fc.uniqueArray(fc.nat(6), { minLength: 1 }).map((list) => list.toSorted((a, b) => a - b))
  const rhythm: fc.Arbitrary<Rhythm> = fc.oneof(
    at.map((time) => ({ kind: 'daily' as const, at: time })),
    fc.tuple(at, days).map(([time, list]) => ({ kind: 'weekly' as const, at: time, days: list })),
    fc.constantFrom(...wholeHours).map((hours) => ({ kind: 'hourly' as const, hours })),
  )
  fc.assert(
    fc.property(rhythm, (chosen) => {
      expect(rhythmOf(cronOf(chosen))).toEqual(chosen)
    }),
  )
})
