import type { GuestSigns } from '@nixen/providers'
import { describe, expect, test } from 'vitest'
import { judge, nothingSeen, type Verdict, type Watched } from './judge.ts'

const wish = { demand: 'agent', patience: 60_000, settle: 10_000 } as const
const silent: GuestSigns = { power: 'running', boot: 'a', agent: { state: 'silent' } }
const up: GuestSigns = { power: 'running', boot: 'a', agent: { state: 'up', ips: [] } }
const stale: GuestSigns = { ...silent, agent: { state: 'stale', reason: 'it is old' } }
const bootedAs = (boot: string): GuestSigns => ({ ...up, boot })
const off: GuestSigns = { power: 'halted', agent: { state: 'silent' } }

/** Looks every 5 s from the start. */
function watch(looks: readonly GuestSigns[], how: Partial<Parameters<typeof judge>[2]> = {}): Verdict {
  let watched: Watched = nothingSeen
  let verdict: Verdict | undefined
  for (const [index, signs] of looks.entries()) {
    verdict = judge(watched, { signs, at: index * 5000 }, { ...wish, ...how })
    if (verdict.kind !== 'waiting') return verdict
    watched = verdict.watched
  }
  if (!verdict) throw new Error('nothing was looked at')
  return verdict
}
const many = (signs: GuestSigns, count = 20): GuestSigns[] => Array.from({ length: count }, () => signs)

describe('a guest', () => {
  test('is good when its agent has reported for as long as it has to', () => {
    expect(watch([silent, up, up])).toMatchObject({ kind: 'waiting', until: 'it to stay so' })
    expect(watch([silent, up, up, up])).toMatchObject({ kind: 'passed', after: 5000 })
  })

  test.each<[string, readonly GuestSigns[], Partial<Parameters<typeof judge>[2]>, RegExp]>([
    ['never boots', many(silent), {}, /no sign of the guest agent within 60 s.*may not have booted/],
    ['stops by itself', [silent, silent, off], {}, /is halted 10 s after its start/],
    ['stops before it is looked at', [off], {}, /is halted right after its start/],
    ['stands still', [{ ...up, power: 'paused' }], {}, /stands still/],
    ['has an agent that tells old news', many(stale), {}, /no sign of the guest agent.*not believed: it is old/],
    [
      'restarts again and again with an agent that is up each time',
      ['a', 'b', 'c', 'd', 'e', 'f'].map((boot) => bootedAs(boot)),
      {},
      /restarts again and again, 4 times/,
    ],
    ['has an agent that comes and goes', many(silent).map((one, at) => (at % 2 === 0 ? one : up)), {}, /no sign|stay/],
    [
      'has a script that answers another question',
      many({ ...up, strangeAnswer: true }),
      { demand: 'script' },
      /not to the question/,
    ],
    ['has a script that never answers', many(up), { demand: 'script' }, /no sign of the script/],
    [
      'has a script that says no, also where only the agent was asked for',
      [{ ...up, answer: { passed: false, text: 'no database' } }],
      {},
      /says failed: "no database"/,
    ],
  ])('is not good when it %s', (_case, looks, how, reason) => {
    const verdict = watch(looks, how)
    expect(verdict).toMatchObject({ kind: 'failed', reason: expect.stringMatching(reason) })
  })

  test('may restart once, and then the time in which it has to stay begins anew', () => {
    expect(watch([up, up, { ...up, boot: 'b' }, { ...up, boot: 'b' }])).toMatchObject({ kind: 'waiting' })
    expect(watch([up, up, ...many({ ...up, boot: 'b' }, 3)])).toMatchObject({ kind: 'passed', after: 10_000 })
  })

  test('without an agent is good enough where only running was asked for', () => {
    expect(watch(many(silent, 3), { demand: 'running' })).toMatchObject({ kind: 'passed', after: 0 })
  })

  test('with an answer to the challenge is good', () => {
    const answered: GuestSigns = { ...up, answer: { passed: true, text: '' } }
    expect(watch(many(answered, 3), { demand: 'script' })).toMatchObject({ kind: 'passed' })
  })
})
