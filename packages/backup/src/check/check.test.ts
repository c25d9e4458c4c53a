import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { hash } from 'node:crypto'
import { seededRandom } from '@nixen/core'
import { restic } from '@nixen/testkit/restic'
import { addPoint, makeRepository, openRepository, randomContent } from '@nixen/testkit/restic-fixture'
import { withFlippedBit } from '@nixen/testkit/storage-faults'
import { afterAll, describe, expect, test } from 'vitest'
import { lockRepository } from '../lock/lock.ts'
import type { Repository } from '../repository/repository.ts'
import type { Snapshot } from '../snapshot/snapshot.ts'
import { LocalStorage } from '../storage/local/local-storage.ts'
import { MemoryStorage } from '../storage/memory-storage.ts'
import type { Storage } from '../storage/storage.ts'
import { checkRepository, type CheckOptions } from './check.ts'
import { parseReadDataSubset } from './subset.ts'

const root = await mkdtemp(path.join(tmpdir(), 'nixen-check-'))
afterAll(() => rm(root, { recursive: true, force: true }))

const seed = Number(process.env['NIXEN_SEED'] ?? 7)
const flipsPerFile = process.env['NIXEN_LONG_TESTS'] === '1' ? 60 : 1
const everything: CheckOptions = { read: { kind: 'all' }, lock: false }

async function twoPoints(storage: Storage): Promise<{ repository: Repository; points: Snapshot[]; disk: Uint8Array }> {
  const repository = await makeRepository(storage)
  const disk = randomContent(100_000, 1)
  const first = await addPoint(repository, {
    files: { 'disk.raw': disk, 'vm.json': Buffer.from('{"name":"a"}') },
    time: 1000,
  })
  const changed = disk.slice()
  changed.set(randomContent(8192, 2), 40_960)
  const second = await addPoint(repository, {
    files: { 'disk.raw': changed, 'vm.json': Buffer.from('{"name":"b"}') },
    time: 2000,
  })
  return { repository, points: [first, second], disk }
}

/** Blobs of two packs that no index names. */
async function leaveOrphan(repository: Repository): Promise<void> {
  const packs = repository.packWriter({ index: repository.indexWriter() })
  const bytes = randomContent(6000, 3)
  await packs.add('data', hash('sha256', bytes, 'hex'), bytes)
  await packs.flush()
}

describe('a check', () => {
  test('finds nothing wrong in a whole repository, and writes nothing', async () => {
    const storage = new MemoryStorage()
    const { repository } = await twoPoints(storage)
    const before = new Map(storage.files)
    const result = await checkRepository(repository, { read: { kind: 'all' } })
    expect(result).toMatchObject({ ok: true, findings: [], snapshots: 2 })
    expect(result.read).toMatchObject({ packs: result.packs })
    expect(storage.files).toEqual(before)
  })

  test('finds every flipped bit and names its file, also in packs that no index names', async () => {
    const storage = new MemoryStorage()
    const { repository } = await twoPoints(storage)
    await leaveOrphan(repository)
    await using _lock = await lockRepository(repository)
    const random = seededRandom(seed)
    for (const [key, { file, bytes }] of new Map(storage.files)) {
      // The ends of each file, where headers and codes are, and somewhere in it.
      const somewhere = Array.from({ length: flipsPerFile }, () => Math.floor(random() * bytes.length * 8))
      for (const bit of [0, bytes.length * 8 - 1, ...somewhere]) {
        storage.files.set(key, { file, bytes: withFlippedBit(bytes, bit) })
        const { ok, findings } = await checkRepository(repository, everything)
        const named = findings.filter(
          (one) => one.severity === 'error' && one.file?.kind === file.kind && one.file.name === file.name,
        )
        expect({ key, bit, ok, named: named.length > 0 }).toEqual({ key, bit, ok: false, named: true })
      }
      storage.files.set(key, { file, bytes })
    }
    expect((await checkRepository(repository, everything)).ok).toBe(true)
  }, 300_000)

  test('says which ranges of which disks are lost', async () => {
    const storage = new MemoryStorage()
    const { repository, points, disk } = await twoPoints(storage)
    await repository.loadIndex()
    // The piece from 40,960 is only in the first point, the one from 8,192 in both.
    for (const [at, expected] of [
      [40_960, [points[0]!.id]],
      [8192, [points[0]!.id, points[1]!.id]],
    ] as const) {
      const place = repository.index.locate('data', hash('sha256', disk.subarray(at, at + 4096), 'hex'))!
      const key = `data/${place.pack.slice(0, 2)}/${place.pack}`
      const { file, bytes } = storage.files.get(key)!
      storage.files.set(key, { file, bytes: withFlippedBit(bytes, (place.offset + 50) * 8) })
      const { findings } = await checkRepository(repository, everything)
      storage.files.set(key, { file, bytes })
      const damaged = findings.find(({ problem }) => problem === 'blob_damaged')
      expect(damaged?.blobs).toEqual([`data:${place.id}`])
      expect(damaged?.affects.map(({ snapshot, path, ranges }) => ({ snapshot, path, ranges }))).toEqual(
        expected.map((snapshot) => ({ snapshot, path: '/disk.raw', ranges: [{ offset: at, length: 4096 }] })),
      )
    }
  })

  test.each([
    ['a missing pack', 'data', 'pack_missing'],
    ['a missing index file', 'index', 'blob_missing'],
  ] as const)('says what %s costs, without reading data', async (_, kind, problem) => {
    const storage = new MemoryStorage()
    const { repository, points } = await twoPoints(storage)
    const [first] = await Array.fromAsync(storage.list(kind))
    await storage.remove({ kind, name: first!.name })
    const { ok, findings } = await checkRepository(repository, { lock: false })
    expect(ok).toBe(false)
    const affected = findings.filter((one) => one.problem === problem).flatMap(({ affects }) => affects)
    expect(affected.length).toBeGreaterThan(0)
    expect(points.map(({ id }) => id)).toContain(affected[0]!.snapshot)
  })

  test('tells the lost ranges of blobs that no index names by the lengths of the others', async () => {
    const storage = new MemoryStorage()
    const { repository, points } = await twoPoints(storage)
    const [, later] = await Array.fromAsync(repository.readIndexFiles())
    await storage.remove({ kind: 'index', name: later!.name })
    const { findings } = await checkRepository(repository, { lock: false })
    // The later point's tree is lost with its index: all of it is.
    expect(findings.flatMap(({ affects }) => affects)).toContainEqual(
      expect.objectContaining({ snapshot: points[1]!.id, path: '/', ranges: [] }),
    )
  })

  test('finds a pack that was cut, and one that grew', async () => {
    const storage = new MemoryStorage()
    const { repository } = await twoPoints(storage)
    const [pack] = await Array.fromAsync(storage.list('data'))
    const key = `data/${pack!.name.slice(0, 2)}/${pack!.name}`
    const { file, bytes } = storage.files.get(key)!
    for (const changed of [bytes.slice(0, -1000), Buffer.concat([bytes, Buffer.alloc(10)]), bytes.slice(0, 0)]) {
      storage.files.set(key, { file, bytes: changed })
      const { findings } = await checkRepository(repository, { lock: false })
      expect(findings.map(({ problem }) => problem)).toContain('pack_size')
    }
  })

  test('does not count a damaged copy as a loss when another one is whole', async () => {
    const storage = new MemoryStorage()
    const { repository, disk } = await twoPoints(storage)
    const index = repository.indexWriter()
    const packs = repository.packWriter({ index })
    const piece = disk.subarray(0, 4096)
    const id = hash('sha256', piece, 'hex')
    await repository.loadIndex()
    const place = repository.index.locate('data', id)!
    await packs.add('data', id, piece)
    await packs.flush()
    await index.flush()
    const key = `data/${place.pack.slice(0, 2)}/${place.pack}`
    const { file, bytes } = storage.files.get(key)!
    storage.files.set(key, { file, bytes: withFlippedBit(bytes, (place.offset + 20) * 8) })
    const { ok, findings } = await checkRepository(repository, everything)
    expect(ok).toBe(false)
    expect(findings.find(({ problem }) => problem === 'blob_damaged')).toMatchObject({ affects: [] })
  })

  test('only notes packs that no index names', async () => {
    const { repository } = await twoPoints(new MemoryStorage())
    await leaveOrphan(repository)
    const { ok, findings } = await checkRepository(repository, everything)
    expect(ok).toBe(true)
    expect(findings).toMatchObject([{ severity: 'note', problem: 'not_indexed' }])
  })

  test('reads each pack in exactly one of the parts', async () => {
    const storage = new MemoryStorage()
    const { repository } = await twoPoints(storage)
    let packs = 0
    for (let part = 1; part <= 3; part++) {
      const result = await checkRepository(repository, {
        read: parseReadDataSubset(`${part}/3`),
        lock: false,
        headers: false,
      })
      packs += result.read.packs
    }
    expect(packs).toBe((await Array.fromAsync(storage.list('data'))).length)
    const some = await checkRepository(repository, { read: parseReadDataSubset('50000'), lock: false })
    expect(some.read.bytes).toBeLessThanOrEqual(60_000)
    expect((await checkRepository(repository, { read: parseReadDataSubset('1%'), lock: false })).read.packs).toBe(1)
  })

  test.each(['0/3', '4/3', '1/300', '0%', '101%', 'x', '', '-5'])('refuses to read %j of the data', (text) => {
    expect(() => parseReadDataSubset(text)).toThrow(/how much to read/)
  })

  test('finds the same with threads as without', async () => {
    const storage = new MemoryStorage()
    const { repository } = await twoPoints(storage)
    for (const [key, { file, bytes }] of new Map(storage.files)) {
      if (file.kind === 'data') storage.files.set(key, { file, bytes: withFlippedBit(bytes, 999) })
    }
    const alone = await checkRepository(repository, { ...everything, workers: 0 })
    const threads = await checkRepository(repository, { ...everything, workers: 3 })
    expect(threads.findings.map(({ message }) => message).sort()).toEqual(
      alone.findings.map(({ message }) => message).sort(),
    )
    expect(threads.lost.length).toBeGreaterThan(0)
  })

  test('finds nothing wrong in what restic wrote and pruned', async () => {
    const directory = path.join(root, 'restic')
    await restic(directory, ['init'])
    for (let i = 0; i < 2; i++) {
      const made = await restic(directory, ['backup', 'packages/core/src', 'packages/testkit/src', '--exclude', `${i}`])
      expect(made).toMatchObject({ code: 0 })
    }
    await restic(directory, ['forget', '--keep-last', '1', '--prune'])
    const repository = await openRepository(new LocalStorage(directory))
    const result = await checkRepository(repository, { read: { kind: 'all' }, workers: 2 })
    expect(result).toMatchObject({ ok: true, findings: [], snapshots: 1 })
  })
})
