import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { restic } from '@nixen/testkit/restic'
import { addPoint, digestsOf, makeRepository, openRepository, randomContent } from '@nixen/testkit/restic-fixture'
import { FaultyStorage } from '@nixen/testkit/storage-faults'
import { afterAll, describe, expect, test } from 'vitest'
import { checkRepository } from '../check/check.ts'
import type { Repository } from '../repository/repository.ts'
import { listSnapshots } from '../snapshot/snapshot.ts'
import { repositoryStats } from '../stats/stats.ts'
import { LocalStorage } from '../storage/local/local-storage.ts'
import { MemoryStorage } from '../storage/memory-storage.ts'
import { storageErrors } from '../storage/storage-errors.ts'
import type { Storage } from '../storage/storage.ts'
import { copyPoints } from './copy.ts'

const root = await mkdtemp(path.join(tmpdir(), 'nixen-copy-'))
afterAll(() => rm(root, { recursive: true, force: true }))

/** Two VMs, one of them with two points. */
async function threePoints(storage: Storage): Promise<Repository> {
  const repository = await makeRepository(storage)
  const disk = randomContent(80_000, 1)
  const text = Buffer.from('the same line again and again\n'.repeat(3000))
  await addPoint(repository, { files: { 'disk.raw': disk, 'notes.txt': text }, time: 1000, hostname: 'a' })
  disk.set(randomContent(5000, 2), 30_000)
  await addPoint(repository, { files: { 'disk.raw': disk, 'notes.txt': text }, time: 2000, hostname: 'a', tags: ['x'] })
  await addPoint(repository, { files: { 'other.raw': randomContent(40_000, 3) }, time: 3000, hostname: 'b' })
  return repository
}

async function digests(repository: Repository): Promise<unknown[]> {
  await repository.loadIndex()
  const all: unknown[] = []
  for (const point of await listSnapshots(repository)) {
    all.push([point.time, point.hostname, point.tags, await digestsOf(repository, point)])
  }
  return all
}

describe('copying to another repository', () => {
  test('transfers every point once, under other keys, and restic agrees', async () => {
    const from = await threePoints(new MemoryStorage())
    const directory = path.join(root, 'target')
    const to = await makeRepository(new LocalStorage(directory))
    const first = await copyPoints(from, to)
    expect(first).toMatchObject({ copied: { length: 3 }, present: [] })
    expect(await digests(to)).toEqual(await digests(from))
    expect(await copyPoints(from, to)).toMatchObject({ copied: [], present: { length: 3 }, blobs: 0, bytes: 0 })
    expect(await restic(directory, ['check', '--read-data'])).toMatchObject({ code: 0 })
  })

  test('transfers only what is missing', async () => {
    const from = await threePoints(new MemoryStorage())
    const to = await makeRepository(new MemoryStorage())
    const [one, two] = await listSnapshots(from)
    await copyPoints(from, to, { filter: ({ id }) => id === one!.id })
    const { bytes, copied } = await copyPoints(from, to, { filter: ({ id }) => id === two!.id })
    expect(copied).toHaveLength(1)
    // Three pieces of 4096 bytes changed, and the tree.
    expect(bytes).toBeLessThan(3 * 4096 + 6000)
    expect(bytes).toBeGreaterThan(2 * 4096)
  })

  test('keeps what is compressed as it is', async () => {
    const from = await threePoints(new MemoryStorage())
    const to = await makeRepository(new MemoryStorage())
    await copyPoints(from, to)
    const [a, b] = [await repositoryStats(from), await repositoryStats(to)]
    expect(b.storedSize).toBe(a.storedSize)
    expect(b.uniqueSize).toBe(a.uniqueSize)
  })

  test('copies of copies are known again', async () => {
    const from = await threePoints(new MemoryStorage())
    const [middle, to] = [await makeRepository(new MemoryStorage()), await makeRepository(new MemoryStorage())]
    await copyPoints(from, middle)
    await copyPoints(middle, to)
    expect(await copyPoints(from, to)).toMatchObject({ copied: [] })
    await expect(copyPoints(from, from)).rejects.toMatchObject({ code: 'backup.same_repository' })
  })

  test('goes on after the target was full at any write, with no point that is not whole', async () => {
    const from = await threePoints(new MemoryStorage())
    const expected = await digests(from)
    for (let skip = 1; ; skip += 2) {
      const storage = new MemoryStorage()
      await makeRepository(storage)
      const faulty = new FaultyStorage(storage)
      faulty.inject({ on: 'save', skip, effect: { kind: 'error', error: storageErrors.full({ where: 'memory' }) } })
      const failed = await copyPoints(from, await openRepository(faulty), { packSize: 20_000 }).then(
        () => false,
        () => true,
      )
      const to = await openRepository(storage)
      expect((await checkRepository(to, { lock: false, headers: false })).ok).toBe(true)
      await copyPoints(from, to, { packSize: 20_000 })
      expect(await digests(to)).toEqual(expected)
      if (!failed) break
    }
  })
})

describe('statistics', () => {
  test('tell what each VM takes, and how well blobs are shared and compressed', async () => {
    const stats = await repositoryStats(await threePoints(new MemoryStorage()))
    const [a, b] = stats.groups
    expect(a).toMatchObject({
      group: 'a',
      points: 2,
      oldest: 1000,
      newest: 2000,
      restoreSize: 170_000,
      totalRestoreSize: 340_000,
    })
    expect(b).toMatchObject({ group: 'b', points: 1, restoreSize: 40_000 })
    expect(stats.totalRestoreSize).toBe(380_000)
    expect(a!.exclusiveSize + b!.exclusiveSize).toBe(stats.storedSize)
    expect(stats.deduplication).toBeGreaterThan(1.5)
    expect(stats.compression).toBeGreaterThan(1.3)
    expect(stats.unusedSize).toBe(0)
    expect(stats.files.snapshot.count).toBe(3)
  })

  test('agree with restic', async () => {
    const directory = path.join(root, 'stats')
    const ours = await repositoryStats(await threePoints(new LocalStorage(directory)))
    const size = JSON.parse((await restic(directory, ['stats', '--mode', 'restore-size', '--json'])).stdout) as {
      total_size: number
    }
    expect(ours.totalRestoreSize).toBe(size.total_size)
    const raw = JSON.parse((await restic(directory, ['stats', '--mode', 'raw-data', '--json'])).stdout) as {
      total_size: number
    }
    expect(ours.storedSize).toBe(raw.total_size)
  })
})
