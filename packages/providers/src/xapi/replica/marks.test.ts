import type { ConnectionId, JobId } from '@nixen/api'
import type { ChangeToken } from '@nixen/disk'
import { describe, expect, test } from 'vitest'
import type { ReplicaMark } from '../../replica/replica-actions.ts'
import { blockedReplica, divergence, readMark, replicaKey, startedKey, writeMark } from './marks.ts'

const mark: ReplicaMark = {
  job: 'job1' as JobId,
  source: { connection: 'pool' as ConnectionId, vm: 'source', lineage: 'line', name: 'web-01' },
  time: 1_795_262_400_000,
  disks: { key: { token: 'a token' as ChangeToken, copy: 'vdi' } },
}
const blocked_operations = blockedReplica(mark)

describe('the mark of a replica', () => {
  test('is read as it was written, from the VM that it is of', () => {
    expect(readMark(writeMark(mark, 'replica'), 'replica')).toEqual(mark)
  })

  test.each([
    ['was copied with a clone', writeMark(mark, 'another'), 'replica'],
    ['is no JSON', '{', 'replica'],
    ['is something else', '{"format":"nixen.replica/2","replica":"replica"}', 'replica'],
    ['has no disks', JSON.stringify({ format: 'nixen.replica/1', replica: 'replica', source: {}, time: 1 }), 'replica'],
    ['is not there', undefined, 'replica'],
  ])('counts for nothing when it %s', (_case, text, uuid) => {
    expect(readMark(text, uuid)).toBeUndefined()
  })
})

describe('a replica', () => {
  const other_config = { [replicaKey]: writeMark(mark, 'replica') }
  test.each([
    ['off and blocked', { power_state: 'Halted', other_config, blocked_operations }, undefined],
    ['running', { power_state: 'Running', other_config, blocked_operations }, 'It is running.'],
    [
      'off, and was started by Nixen',
      { power_state: 'Halted', other_config: { ...other_config, [startedKey]: '1795262400000' }, blocked_operations },
      'It was started on 2026-11-21T12:00Z.',
    ],
    [
      'off, and somebody took the block away',
      { power_state: 'Halted', other_config, blocked_operations: { start: 'for another reason' } },
      'Somebody made it possible to start it, so it may have been.',
    ],
  ])('that is %s may or may not be written over', (_case, vm, reason) => {
    expect(divergence(vm)).toBe(reason)
  })
})
