import { expect, test } from 'vitest'
import { planOf, type PastRun } from './plan.ts'

const hour = 3_600_000
const frame = { from: 0, until: 100 * hour, now: 10 * hour }
const run = (job: string, started: number, finished?: number): PastRun => ({
  id: `${job}-${started}`,
  job,
  jobName: job,
  state: 'succeeded',
  started,
  finished,
})

test('runs that were and runs that will be stand in the order of time', () => {
  const jobs = [{ id: 'a', name: 'a', times: [5 * hour, 30 * hour, 20 * hour, 200 * hour], objects: new Set<string>() }]
  const plan = planOf(jobs, [run('a', 3 * hour, 4 * hour), run('a', 9 * hour)], frame)
  expect(plan.map(({ at, lasts, run: id }) => [at / hour, lasts / hour, id !== undefined])).toEqual([
    [3, 1, true],
    [9, 1, true],
    [20, 1, false],
    [30, 1, false],
  ])
})

test('jobs that work on the same VMs at the same time know of each other, others do not', () => {
  const job = (id: string, at: number, ...objects: string[]) => ({
    id,
    name: id,
    times: [at],
    objects: new Set(objects),
  })
  const jobs = [
    job('long', 20 * hour, 'x', 'y'),
    job('same', 22 * hour, 'y'),
    job('other', 22 * hour, 'z'),
    job('later', 24 * hour, 'x'),
  ]
  const conflicts = planOf(jobs, [run('long', 0, 3 * hour)], frame)
    .filter((entry) => entry.run === undefined)
    .map(({ name, conflicts: others }) => [name, others])
  expect(conflicts).toEqual([
    ['long', ['same']],
    ['same', ['long']],
    ['other', []],
    ['later', []],
  ])
})
