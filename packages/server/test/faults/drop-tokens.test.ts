import type { ChangeToken } from '@nixen/disk'
import type { FrozenVm, Stray } from '@nixen/providers'
import { describe, expect, test } from 'vitest'
import { tokensToDrop, type Dropping } from '../../src/protect/drop-tokens.ts'

// Tokens are texts that mean something to a provider only.
const token = (name: string): ChangeToken => name as ChangeToken
const outcome = (ok: boolean, base?: { time: number; token: string }): Dropping['outcomes'][number] => ({
  ok,
  base: base && { point: { time: base.time }, stored: { tokens: { disk: token(base.token) } } },
})
const kept = (name: string, owner = 'job'): Stray => ({
  kind: 'disk',
  native: { class: 'VDI', uuid: name },
  name,
  owner,
  mark: name,
  kept: true,
  token: token(name),
  time: 1,
  bytes: 0,
})
// What is looked at of a frozen VM.
const frozen = { owner: 'job', disks: [{ key: 'disk', token: token('now') }] } as unknown as FrozenVm

describe('what the host kept is dropped', () => {
  test.each<[string, readonly Dropping['outcomes'][number][], readonly Stray[], number[], string[]]>([
    [
      'when the point that it stands for was built on',
      [outcome(true, { time: 1, token: 'a' })],
      [kept('a')],
      [],
      ['a'],
    ],
    [
      'when an earlier run was interrupted before it came to that',
      [outcome(true)],
      [kept('a'), kept('now')],
      [],
      ['a'],
    ],
    ['but not that of another job', [outcome(true)], [kept('a', 'other')], [], []],
    [
      'but not while a repository that failed builds on it',
      [outcome(true, { time: 2, token: 'b' }), outcome(false, { time: 1, token: 'a' })],
      [kept('a'), kept('b')],
      [],
      ['b'],
    ],
    [
      'but not while a repository of another job builds on the same moment',
      [outcome(true, { time: 1, token: 'a' })],
      [kept('a', 'other')],
      [1],
      [],
    ],
    [
      'but nothing when a repository could not be asked what it builds on',
      [outcome(true, { time: 1, token: 'a' }), outcome(false)],
      [kept('a')],
      [],
      [],
    ],
  ])('%s', async (_, outcomes, strays, others, expected) => {
    const protect = { strays: () => Promise.resolve(strays) }
    const { signal } = new AbortController()
    const dropped = await tokensToDrop(protect, { frozen, outcomes, others: new Set(others), signal })
    expect(dropped).toEqual(expected)
  })
})
