import type { Repository } from '@nixen/api'
import { describe, expect, test } from 'vitest'
import { dueMaintenance, isOpen } from './due-maintenance.ts'

const day = 86_400_000
// A Saturday, at noon UTC.
const now = Date.UTC(2026, 10, 21, 12)

function repository(more: Partial<Repository> = {}): Repository {
  return {
    state: 'ready',
    immutability: { mode: 'none' },
    created: now - 30 * day,
    maintenance: { checkEvery: 7, checkShare: 0.05, pruneEvery: 7, maxUnused: 0.05 },
    ...more,
    // Nothing else is looked at.
  } as Repository
}
const checked = (days: number) => ({ lastCheck: { at: now - days * day, ok: true, findings: 0, readBytes: 0 } })
const pruned = (days: number) => ({ lastPrune: { at: now - days * day, freed: 0 } })

describe('what is due in a repository', () => {
  test.each<[string, Partial<Repository>, string[]]>([
    ['never looked after: both', {}, ['check', 'prune']],
    ['both done lately: nothing', { ...checked(1), ...pruned(6) }, []],
    ['the most overdue comes first', { ...checked(8), ...pruned(20) }, ['prune', 'check']],
    ['new: nothing yet', { created: now - day }, []],
    ['append-only: no prune', { immutability: { mode: 'append-only' } }, ['check']],
    ['not reachable: nothing', { state: 'unavailable' }, []],
    ['switched off: nothing', { maintenance: { checkEvery: 0, checkShare: 0, pruneEvery: 0, maxUnused: 0 } }, []],
    [
      'outside of its window: nothing',
      { maintenance: { ...repository().maintenance, window: { from: '13:00', to: '18:00' } } },
      [],
    ],
  ])('%s', (_, more, expected) => expect(dueMaintenance(repository(more), now)).toEqual(expected))
})

describe('a window', () => {
  test.each<[string, Parameters<typeof isOpen>[0], boolean]>([
    ['none is always open', undefined, true],
    ['opens in its minute', { from: '12:00', to: '13:00' }, true],
    ['is closed in the minute of its end', { from: '11:00', to: '12:00' }, false],
    ['over midnight', { from: '22:00', to: '13:00' }, true],
    ['over midnight, of Friday evening', { from: '22:00', to: '13:00', days: ['fri'] }, true],
    ['over midnight, of Saturday evening', { from: '22:00', to: '13:00', days: ['sat'] }, false],
    ['on its day', { from: '08:00', to: '18:00', days: ['sat'] }, true],
    ['on another day', { from: '08:00', to: '18:00', days: ['mon'] }, false],
    ['in its time zone: noon in London is 21 h in Tokyo', { from: '20:00', to: '22:00', timeZone: 'Asia/Tokyo' }, true],
    ['a zone that is not known is UTC', { from: '12:00', to: '13:00', timeZone: 'Mars/Base' }, true],
  ])('%s', (_, window, open) => expect(isOpen(window, now)).toBe(open))
})
