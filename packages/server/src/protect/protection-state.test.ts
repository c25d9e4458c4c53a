import type { JobId } from '@nixen/api'
import { describe, expect, test } from 'vitest'
import { protectionOf, unprotected, type Cover } from './protection-state.ts'

const hour = 3600 * 1000
const day = 24 * hour
/** Midnight of some day. */
const start = 20_000 * day
const job = 'nightly' as JobId

/** A job that is due at 02:00 each day. */
function nightly(cover: Partial<Cover> = {}): Cover {
  const dueAfter = (after: number): number => Math.floor((after - 2 * hour) / day + 1) * day + 2 * hour
  return { job, since: start, dueAfter, failed: false, newest: undefined, ...cover }
}

describe('the protection of a VM', () => {
  test.each([
    ['that no job includes', [], undefined, start, { state: 'unprotected' }],
    ['that no job includes any more', [], start - day, start, { state: 'unprotected', newest: start - day }],
    ['whose job has not been due', [nightly()], undefined, start + hour, { state: 'unprotected', job }],
    ['whose job was due and made nothing', [nightly()], undefined, start + 15 * hour, { state: 'late', job }],
    [
      'with a point of last night',
      [nightly({ newest: start + 2 * hour })],
      start + 2 * hour,
      start + 25 * hour,
      { state: 'protected', job, newest: start + 2 * hour },
    ],
    [
      'whose backup is due and may still run',
      [nightly({ newest: start + 2 * hour })],
      start + 2 * hour,
      start + 30 * hour,
      { state: 'protected', job, newest: start + 2 * hour },
    ],
    [
      'whose backup of last night is missing',
      [nightly({ newest: start + 2 * hour })],
      start + 2 * hour,
      start + 39 * hour,
      { state: 'late', job, newest: start + 2 * hour },
    ],
    [
      'whose last backup failed, though there is a point of last night',
      [nightly({ newest: start + 2 * hour, failed: true })],
      start + 2 * hour,
      start + 3 * hour,
      { state: 'failing', job, newest: start + 2 * hour },
    ],
    [
      'of two jobs one of which fails',
      [
        nightly({ newest: start + 2 * hour }),
        nightly({ job: 'offsite' as JobId, failed: true, newest: start - 5 * day }),
      ],
      start + 2 * hour,
      start + 3 * hour,
      { state: 'failing', job: 'offsite', newest: start + 2 * hour },
    ],
  ] as const)('%s', (_what, covers, newest, now, expected) => {
    expect(protectionOf(covers, newest, now)).toEqual(expected)
  })

  test('is one object for all VMs that nobody looks after', () => {
    expect(protectionOf([], undefined, start)).toBe(unprotected)
  })

  test('is late when an hourly backup misses two hours', () => {
    const dueAfter = (after: number): number => (Math.floor(after / hour) + 1) * hour
    const cover = { ...nightly({ newest: start }), dueAfter }
    expect(protectionOf([cover], start, start + 1.9 * hour).state).toBe('protected')
    expect(protectionOf([cover], start, start + 2.1 * hour).state).toBe('late')
  })
})
