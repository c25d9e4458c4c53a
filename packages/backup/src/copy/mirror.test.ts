import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { restic } from '@nixen/testkit/restic'
import { addPoint, digestsOf, makeRepository, randomContent } from '@nixen/testkit/restic-fixture'
import { afterAll, describe, expect, test } from 'vitest'
import { planForgetNamed } from '../forget/plan-forget.ts'
import { executeForget } from '../forget/execute-forget.ts'
import type { Repository } from '../repository/repository.ts'
import { listSnapshots, type Snapshot } from '../snapshot/snapshot.ts'
import { LocalStorage } from '../storage/local/local-storage.ts'
import { MemoryStorage } from '../storage/memory-storage.ts'
import { mirrorPoints } from './mirror.ts'
import { planMirror } from './plan-mirror.ts'

const root = await mkdtemp(path.join(tmpdir(), 'nixen-mirror-'))
afterAll(() => rm(root, { recursive: true, force: true }))

const day = 24 * 3600_000
const tag = 'nixen:job=mirror'
const start = Date.UTC(2026, 0, 1, 2)

/** `days` points of a VM, one a day, each a little different. */
async function filled(days: number): Promise<Repository> {
  const repository = await makeRepository(new MemoryStorage())
  const disk = randomContent(60_000, 1)
  for (let index = 0; index < days; index++) {
    disk.set(randomContent(3000, index + 2), index * 4000)
    const tags = ['prod', 'nixen:job=nightly']
    await addPoint(repository, { files: { 'disk.raw': disk }, time: start + index * day, hostname: 'a', tags })
  }
  return repository
}

async function days(repository: Repository): Promise<number[]> {
  return (await listSnapshots(repository)).map(({ time }) => Math.round((time - start) / day))
}

describe('a mirror', () => {
  test('copies everything once, under its own name, and restic agrees', async () => {
    const from = await filled(3)
    const directory = path.join(root, 'target')
    const to = await makeRepository(new LocalStorage(directory))
    const first = await mirrorPoints(from, to, { tag, without: (one) => one.startsWith('nixen:job=') })
    expect(first).toMatchObject({ copied: { length: 3 }, forgotten: 0 })
    expect((await listSnapshots(to))[0]?.tags).toEqual(['prod', tag])
    expect(await mirrorPoints(from, to, { tag })).toMatchObject({ copied: [], bytes: 0 })
    await to.loadIndex()
    const [source] = await listSnapshots(from)
    const [copy] = await listSnapshots(to)
    expect(await digestsOf(to, copy!)).toEqual(await digestsOf(from, source!))
    expect(await restic(directory, ['check', '--read-data'])).toMatchObject({ code: 0 })
  })

  test('keeps by its own rules: what would be forgotten at once is not copied, and what the source forgot stays', async () => {
    const from = await filled(4)
    const to = await makeRepository(new MemoryStorage())
    const keep = { policy: { last: 3 } }
    const first = await mirrorPoints(from, to, { tag, keep })
    expect(first.plan.passed).toHaveLength(1)
    expect(await days(to)).toEqual([1, 2, 3])
    // The source keeps one day only, and goes on.
    const old = (await listSnapshots(from)).slice(0, 3)
    await executeForget(
      from,
      planForgetNamed(
        await listSnapshots(from),
        old.map(({ id }) => id),
      ),
    )
    await addPoint(from, { files: { 'disk.raw': randomContent(60_000, 9) }, time: start + 4 * day, hostname: 'a' })
    expect(await mirrorPoints(from, to, { tag, keep })).toMatchObject({ copied: { length: 1 }, forgotten: 1 })
    expect(await days(to)).toEqual([2, 3, 4])
    expect(await mirrorPoints(from, to, { tag, keep })).toMatchObject({ copied: [], forgotten: 0 })
  })

  test('goes on where it was stopped', async () => {
    const from = await filled(4)
    const to = await makeRepository(new MemoryStorage())
    const stop = new AbortController()
    const stopped = mirrorPoints(from, to, {
      tag,
      signal: stop.signal,
      progress: ({ points }) => points === 2 && stop.abort(new Error('enough')),
    })
    await expect(stopped).rejects.toThrow('enough')
    const before = (await days(to)).length
    expect(before).toBeGreaterThan(0)
    expect(before).toBeLessThan(4)
    expect(await mirrorPoints(from, to, { tag })).toMatchObject({ copied: { length: 4 - before } })
    expect(await days(to)).toEqual([0, 1, 2, 3])
  })
})

test('a plan never touches what something else brought to the target', () => {
  const point = (id: string, time: number, tags: string[] = []): Snapshot => ({
    id,
    time,
    tags,
    tree: id,
    paths: ['/vm'],
    hostname: 'a',
    username: '',
  })
  const foreign = point('f', 1)
  const plan = planMirror([point('a', 3), point('b', 4)], [foreign, point('c', 2, [tag])], {
    keep: { policy: { last: 1 } },
    isOurs: ({ tags }) => tags.includes(tag),
    now: 10,
  })
  expect(plan.copy.map(({ id }) => id)).toEqual(['b'])
  expect(plan.passed.map(({ id }) => id)).toEqual(['a'])
  expect(plan.forget.map(({ id }) => id)).toEqual(['c'])
})
