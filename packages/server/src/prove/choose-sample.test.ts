import { seededRandom } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { chooseSample, type Candidate } from './choose-sample.ts'

const day = 24 * 3600 * 1000
const now = 1000 * day

describe('the sample of a run', () => {
  test('is spread evenly, and each VM has its turn within the time', () => {
    const random = seededRandom(3)
    const vms = Array.from({ length: 100 }, (_, at) => ({ id: `vm${at}`, since: now - random() * 5 * day }))
    const verified = new Map<string, number>()
    const sizes: number[] = []
    const oldest: number[] = []
    for (let night = 0; night < 90; night++) {
      const time = now + night * day
      const candidates: Candidate[] = vms.map((vm) => ({ ...vm, verified: verified.get(vm.id) }))
      const chosen = chooseSample(candidates, { now: time, next: time + day, every: 30 * day })
      sizes.push(chosen.length)
      for (const id of chosen) verified.set(id, time)
      if (night >= 30) oldest.push(Math.max(...vms.map(({ id }) => time - (verified.get(id) ?? 0))))
    }
    expect(Math.max(...oldest)).toBeLessThanOrEqual(30 * day)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8)
  })

  test('takes what would be overdue before the next run, however many', () => {
    const vms = Array.from({ length: 10 }, (_, at) => ({ id: `vm${at}`, since: 0, verified: now - 29.5 * day }))
    expect(chooseSample(vms, { now, next: now + day, every: 30 * day })).toHaveLength(10)
    expect(chooseSample(vms, { now, next: now + day, every: 30 * day, atMost: 3 })).toHaveLength(3)
  })

  test('by hand is what is due or was never checked; a VM without restore points is no candidate', () => {
    const vms: Candidate[] = [
      { id: 'new', since: now - day },
      { id: 'due', since: 0, verified: now - 31 * day },
      { id: 'good', since: 0, verified: now - day },
      { id: 'empty' },
    ]
    expect(chooseSample(vms, { now, every: 30 * day })).toEqual(['new', 'due'])
  })
})
