import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { restic } from '@nixen/testkit/restic'
import { addPoint, digestsOf, makeRepository, openRepository, randomContent } from '@nixen/testkit/restic-fixture'
import { withFlippedBit } from '@nixen/testkit/storage-faults'
import { afterAll, describe, expect, test } from 'vitest'
import { lockRepository } from '../lock/lock.ts'
import { sha256Hex } from '../pack/blob-codec.ts'
import type { Repository } from '../repository/repository.ts'
import { listSnapshots, type Snapshot } from '../snapshot/snapshot.ts'
import { LocalStorage } from '../storage/local/local-storage.ts'
import { MemoryStorage } from '../storage/memory-storage.ts'
import type { Storage } from '../storage/storage.ts'
import { previewPrune, prune } from './prune.ts'

const root = await mkdtemp(path.join(tmpdir(), 'nixen-prune-'))
afterAll(() => rm(root, { recursive: true, force: true }))

/** Three restore points of a disk of which a quarter changes each time. */
async function threePoints(storage: Storage): Promise<{ repository: Repository; points: Snapshot[] }> {
  const repository = await makeRepository(storage)
  const disk = randomContent(256 * 1024, 1)
  const points: Snapshot[] = []
  for (let day = 0; day < 3; day++) {
    disk.set(randomContent(64 * 1024, 100 + day), day * 64 * 1024)
    points.push(
      await addPoint(repository, {
        files: { 'disk.raw': disk, 'vm.json': Buffer.from(`{"day":${day}}`) },
        time: day * 86_400_000,
      }),
    )
  }
  return { repository, points }
}

async function storedBytes(storage: Storage): Promise<number> {
  let total = 0
  for await (const { size } of storage.list('data')) total += size
  return total
}

async function allDigests(repository: Repository): Promise<Record<string, Record<string, string>>> {
  await repository.loadIndex()
  const all: Record<string, Record<string, string>> = {}
  for (const point of await listSnapshots(repository)) all[point.id] = await digestsOf(repository, point)
  return all
}

describe('pruning', () => {
  test('changes nothing where all is used', async () => {
    const storage = new MemoryStorage()
    const { repository } = await threePoints(storage)
    const before = [...storage.files.keys()]
    const plan = await prune(repository)
    expect(plan).toMatchObject({ remove: [], repack: [], gone: [], freed: 0, blobs: { unused: 0, duplicate: 0 } })
    expect([...storage.files.keys()]).toEqual(before)
  })

  test('frees what only a forgotten point used, and keeps every other point as it was', async () => {
    const storage = new MemoryStorage()
    const { repository, points } = await threePoints(storage)
    await storage.remove({ kind: 'snapshot', name: points[0]!.id })
    const expected = await allDigests(repository)
    const before = await storedBytes(storage)
    const preview = await previewPrune(repository)
    const plan = await prune(repository, { maxUnused: 0 })
    expect(plan.blobs).toEqual(preview.blobs)
    // 64 KiB of the first point were overwritten by the second one.
    expect(plan.blobs.unused).toBeGreaterThanOrEqual(16)
    expect(before - (await storedBytes(storage))).toBeGreaterThan(62 * 1024)
    expect(await allDigests(repository)).toEqual(expected)
    expect((await previewPrune(repository, { maxUnused: 0 })).freed).toBe(0)
  })

  test('rewrites only as much as the share that may stay unused asks for', async () => {
    const storage = new MemoryStorage()
    const { repository, points } = await threePoints(storage)
    await storage.remove({ kind: 'snapshot', name: points[0]!.id })
    expect((await previewPrune(repository, { maxUnused: 1 })).repack).toEqual([])
    const strict = await previewPrune(repository, { maxUnused: 0 })
    expect(strict.keep.unused).toBe(0)
    const lax = await previewPrune(repository, { maxUnused: 0.3 })
    expect(lax.repack.length).toBeLessThan(strict.repack.length)
    expect(lax.keep.unused).toBeLessThanOrEqual(0.3 * (lax.keep.size + lax.keep.unused))
    const limited = await previewPrune(repository, { maxUnused: 0, maxRepack: 60_000 })
    expect(limited.repack.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(60_000)
    await expect(previewPrune(repository, { maxUnused: 2 })).rejects.toMatchObject({ code: 'backup.prune_option' })
  })

  test('removes packs that no index names, and everything when there is no point left', async () => {
    const storage = new MemoryStorage()
    const { repository, points } = await threePoints(storage)
    const index = repository.indexWriter()
    const packs = repository.packWriter({ index })
    const leftover = randomContent(3000, 7)
    await packs.add('data', sha256Hex(leftover), leftover)
    await packs.flush()
    const plan = await prune(repository)
    expect(plan.remove.map(({ because }) => because)).toEqual(['no index names it'])
    for (const point of points) await storage.remove({ kind: 'snapshot', name: point.id })
    await prune(repository)
    expect([...storage.files.keys()].filter((name) => /^(data|index)/.test(name))).toEqual([])
  })

  test('puts many small packs and index files together', async () => {
    const storage = new MemoryStorage()
    const repository = await makeRepository(storage)
    for (let i = 0; i < 34; i++)
      await addPoint(repository, { files: { 'disk.raw': randomContent(5000, i) }, time: i * 1000 })
    const expected = await allDigests(repository)
    const plan = await prune(repository)
    expect(plan.repack.map(({ because }) => because)).toEqual(Array<string>(68).fill('it is small'))
    expect(await Array.fromAsync(storage.list('data'))).toHaveLength(2)
    expect(await Array.fromAsync(storage.list('index'))).toHaveLength(1)
    expect(await allDigests(repository)).toEqual(expected)
  })

  test('touches only the index files that name a pack that goes', async () => {
    const storage = new MemoryStorage()
    const repository = await makeRepository(storage)
    const points: Snapshot[] = []
    for (let i = 0; i < 4; i++)
      points.push(await addPoint(repository, { files: { 'disk.raw': randomContent(50_000, i) }, time: i * 1000 }))
    const before = new Set((await Array.fromAsync(storage.list('index'))).map(({ name }) => name))
    await storage.remove({ kind: 'snapshot', name: points[1]!.id })
    await prune(repository)
    const after = new Set((await Array.fromAsync(storage.list('index'))).map(({ name }) => name))
    expect(before.intersection(after).size).toBe(3)
  })

  test('refuses when a backup runs, and a backup is refused while it runs', async () => {
    const { repository } = await threePoints(new MemoryStorage())
    {
      await using _backup = await lockRepository(repository)
      await expect(prune(repository)).rejects.toThrow(/locked by .* Wait, or run "nixen repo unlock"/)
    }
    await using _prune = await lockRepository(repository, { exclusive: true })
    await expect(lockRepository(repository)).rejects.toMatchObject({ code: 'backup.repository_locked' })
  })

  test('removes nothing when a blob that is needed is missing', async () => {
    const storage = new MemoryStorage()
    const { repository, points } = await threePoints(storage)
    await storage.remove({ kind: 'snapshot', name: points[0]!.id })
    const [pack] = (await repository.loadIndex()).packs
    const saved = storage.files.get(`data/${pack!.slice(0, 2)}/${pack}`)!
    await storage.remove(saved.file)
    const before = [...storage.files.keys()]
    await expect(prune(repository)).rejects.toMatchObject({ code: 'backup.prune_unsafe' })
    expect([...storage.files.keys()]).toEqual(before)
    for await (const { name } of storage.list('index')) await storage.remove({ kind: 'index', name })
    await expect(prune(repository)).rejects.toMatchObject({ code: 'backup.prune_unsafe' })
  })

  test('takes the other copy of a blob when one is damaged or gone', async () => {
    const [storage, other] = [new MemoryStorage(), new MemoryStorage()]
    const { repository, points } = await threePoints(storage)
    for (const [key, value] of storage.files) other.files.set(key, value)
    // The same blobs again, by a writer that did not see the first ones.
    const again = await openRepository(other)
    for (const kind of ['index', 'data'] as const)
      for await (const { name } of other.list(kind)) await other.remove({ kind, name })
    const disk = randomContent(256 * 1024, 1)
    for (let day = 0; day < 3; day++) disk.set(randomContent(64 * 1024, 100 + day), day * 64 * 1024)
    await addPoint(again, { files: { 'disk.raw': disk }, time: 9 })
    for (const [key, value] of other.files) storage.files.set(key, value)
    await storage.remove({ kind: 'snapshot', name: points[0]!.id })
    const expected = await allDigests(repository)
    const preview = await previewPrune(repository, { maxUnused: 0 })
    const { index } = repository
    const twice = Array.from({ length: index.size }, (_, entry) =>
      index.locateAll(index.typeOf(entry), index.idOf(entry)),
    )
    const rewritten = new Set(preview.repack.map(({ pack }) => pack))
    const [place] = twice.find(
      ([first, second]) => second && first && rewritten.has(first.pack) && first.type === 'data',
    )!
    const key = `data/${place!.pack.slice(0, 2)}/${place!.pack}`
    const { file, bytes } = storage.files.get(key)!
    storage.files.set(key, { file, bytes: withFlippedBit(bytes, (place!.offset + 100) * 8) })
    const plan = await prune(repository, { maxUnused: 0 })
    expect(plan.blobs.duplicate).toBeGreaterThan(0)
    expect(await allDigests(repository)).toEqual(expected)
  })

  test('leaves a repository that restic finds whole', async () => {
    const directory = path.join(root, 'restic')
    const storage = new LocalStorage(directory)
    const { repository, points } = await threePoints(storage)
    await storage.remove({ kind: 'snapshot', name: points[1]!.id })
    await prune(repository, { maxUnused: 0 })
    const check = await restic(directory, ['check', '--read-data'])
    expect(check.stdout + check.stderr).toContain('no errors were found')
    expect(check.code).toBe(0)
    const copy = path.join(root, 'by-restic')
    await cp(directory, copy, { recursive: true })
    const theirs = await restic(copy, ['prune', '--max-unused', '0'])
    expect(theirs).toMatchObject({ code: 0 })
    const after = await openRepository(new LocalStorage(copy))
    expect(await allDigests(after)).toEqual(await allDigests(repository))
    expect((await previewPrune(after, { maxUnused: 0 })).freed).toBe(0)
  })
})
