import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { restic } from '@nixen/testkit/restic'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Repository } from '../repository/repository.ts'
import { listSnapshots, saveSnapshot } from '../snapshot/snapshot.ts'
import { LocalStorage } from '../storage/local/local-storage.ts'
import { formatCalendarDuration, type CalendarDuration } from './calendar-duration.ts'
import { executeForget } from './execute-forget.ts'
import type { ForgetPolicy } from './forget-policy.ts'
import { planForget } from './plan-forget.ts'

// restic as the judge: on the same restore points, the same policy must keep the same ones.

const seed = Number(process.env['NIXEN_SEED'] ?? 20_261_121)
// In the past: restic reads the clock of the machine, and passes over points from the future as well.
const now = Date.UTC(2025, 10, 21, 12)
const directory = await mkdtemp(path.join(tmpdir(), 'nixen-forget-'))
let repository: Repository

beforeAll(async () => {
  repository = await Repository.init(new LocalStorage(directory), { password: 'test', kdf: { N: 1024, r: 8, p: 1 } })
  const times = fc.sample(
    fc.oneof(
      fc.integer({ min: 0, max: 40 * 24 }).map((hours) => now - hours * 3_600_000),
      fc.integer({ min: 0, max: 1200 * 86_400 }).map((seconds) => now - seconds * 1000),
    ),
    { seed, numRuns: 120 },
  )
  for (const [i, time] of [...new Set(times)].entries()) {
    await saveSnapshot(repository, {
      time,
      tree: '0'.repeat(64),
      paths: [i % 5 === 0 ? '/other' : '/disk'],
      hostname: i % 3 === 0 ? 'vm-a' : 'vm-b',
      username: 'root',
      tags: [...(i % 7 === 0 ? ['keep'] : []), ...(i % 4 === 0 ? ['even'] : [])],
    })
  }
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const count = fc.integer({ min: 1, max: 20 })
const duration: fc.Arbitrary<CalendarDuration> = fc
  .record({ years: fc.nat(2), months: fc.nat(14), days: fc.nat(40), hours: fc.nat(30) })
  .filter((one) => Object.values(one).some((value) => value > 0))
const policies: fc.Arbitrary<ForgetPolicy> = fc.record(
  {
    // At least the newest: what else restic would forget altogether, Nixen keeps as the last one of its group.
    last: count,
    hourly: count,
    daily: count,
    weekly: count,
    monthly: count,
    yearly: count,
    within: duration,
    withinEach: fc.record(
      { hourly: duration, daily: duration, weekly: duration, monthly: duration, yearly: duration },
      { requiredKeys: [] },
    ),
    tags: fc.constantFrom([['keep']], [['keep', 'even']], [['keep'], ['even']]),
  },
  { requiredKeys: ['last'] },
)

test('keeps what restic keeps', async () => {
  const points = await listSnapshots(repository)
  await fc.assert(
    fc.asyncProperty(policies, fc.constantFrom('host,paths', 'host', 'paths', 'host,tags'), async (policy, groupBy) => {
      const result = await restic(directory, [
        'forget',
        '--no-lock',
        '--dry-run',
        '--json',
        '--group-by',
        groupBy,
        ...argumentsOf(policy),
      ])
      expect(result.stderr).toBe('')
      const groups = JSON.parse(result.stdout) as { keep: { id: string }[] | null }[]
      const theirs = groups.flatMap(({ keep }) => keep ?? []).map(({ id }) => id)
      const fields = groupBy.split(',') as ('host' | 'paths' | 'tags')[]
      const ours = planForget(points, policy, now, { groupBy: fields }).keep.map(({ point }) => point.id)
      expect(ours.sort()).toEqual(theirs.sort())
    }),
    { seed, numRuns: 20 },
  )
})

test('forgets what the plan says, and nothing when it is executed again', async () => {
  const points = await listSnapshots(repository)
  const plan = planForget(points, { last: 3 }, now)
  expect(await executeForget(repository, plan)).toEqual({ forgotten: plan.forget.length })
  expect((await listSnapshots(repository)).map(({ id }) => id).sort()).toEqual(
    plan.keep.map(({ point }) => point.id).sort(),
  )
  await executeForget(repository, plan)
  const listed = JSON.parse((await restic(directory, ['snapshots', '--json'])).stdout) as unknown[]
  expect(listed).toHaveLength(plan.keep.length)
})

function argumentsOf(policy: ForgetPolicy): string[] {
  const args: string[] = []
  for (const rule of ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const) {
    if (policy[rule]) args.push(`--keep-${rule}`, String(policy[rule]))
  }
  if (policy.within) args.push('--keep-within', formatCalendarDuration(policy.within))
  for (const [period, within] of Object.entries(policy.withinEach ?? {})) {
    args.push(`--keep-within-${period}`, formatCalendarDuration(within))
  }
  for (const tags of policy.tags ?? []) args.push('--keep-tag', tags.join(','))
  return args
}
