import { createHash, hash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { restic } from '@nixen/testkit/restic'
import { addPoint, digestsOf, makeRepository, openRepository, randomContent } from '@nixen/testkit/restic-fixture'
import { withFlippedBit } from '@nixen/testkit/storage-faults'
import { afterAll, describe, expect, test } from 'vitest'
import { checkRepository } from '../check/check.ts'
import type { Repository } from '../repository/repository.ts'
import { listSnapshots, type Snapshot } from '../snapshot/snapshot.ts'
import { LocalStorage } from '../storage/local/local-storage.ts'
import { MemoryStorage } from '../storage/memory-storage.ts'
import { loadTree } from '../tree/read-tree.ts'
import { rebuildIndex } from './rebuild-index.ts'
import { repairRepository } from './repair.ts'

const root = await mkdtemp(path.join(tmpdir(), 'nixen-repair-'))
afterAll(() => rm(root, { recursive: true, force: true }))

interface Example {
  storage: MemoryStorage
  repository: Repository
  points: Snapshot[]
  disk: Uint8Array
}

async function twoPoints(): Promise<Example> {
  const storage = new MemoryStorage()
  const repository = await makeRepository(storage)
  const disk = randomContent(100_000, 1)
  const first = await addPoint(repository, { files: { 'disk.raw': disk, 'vm.json': Buffer.from('{}') }, time: 1000 })
  const second = await addPoint(repository, {
    files: { 'disk.raw': disk.slice(0, 60_000) },
    time: 2000,
    hostname: 'other',
  })
  await repository.loadIndex()
  return { storage, repository, points: [first, second], disk }
}

function flip(storage: MemoryStorage, pack: string, at: number): void {
  const key = `data/${pack.slice(0, 2)}/${pack}`
  const { file, bytes } = storage.files.get(key)!
  storage.files.set(key, { file, bytes: withFlippedBit(bytes, at * 8) })
}

/** What restic, which knows nothing of repairs, makes of the repository. */
async function resticChecks(storage: MemoryStorage, name: string): Promise<unknown> {
  const local = new LocalStorage(path.join(root, name))
  for (const kind of ['config', 'key', 'snapshot', 'index', 'data'] as const) {
    for await (const file of storage.list(kind)) {
      await local.save({ kind, name: file.name }, [await storage.load({ kind, name: file.name })])
    }
  }
  return restic(path.join(root, name), ['check', '--read-data'])
}

describe('rebuilding the index', () => {
  test.each(['all index files lost', 'an index file damaged', 'an index file that names too much'])(
    '%s',
    async (fault) => {
      const { storage, repository, points } = await twoPoints()
      const before = await digestsOf(repository, points[0]!)
      const names = (await Array.fromAsync(storage.list('index'))).map(({ name }) => name)
      if (fault === 'all index files lost') for (const name of names) await storage.remove({ kind: 'index', name })
      if (fault === 'an index file damaged') {
        const { file, bytes } = storage.files.get(`index/${names[0]}`)!
        storage.files.set(`index/${names[0]}`, { file, bytes: withFlippedBit(bytes, 1000) })
      }
      if (fault === 'an index file that names too much') {
        const index = repository.indexWriter()
        await index.add({ id: 'ab'.repeat(32), blobs: [{ type: 'data', id: 'cd'.repeat(32), offset: 0, length: 50 }] })
        await index.flush()
      }
      const result = await rebuildIndex(repository)
      expect(result).toMatchObject({ unreadable: [], keptFromOld: [] })
      expect(await checkRepository(repository, { read: { kind: 'all' }, lock: false })).toMatchObject({
        ok: true,
        findings: [],
      })
      expect(await digestsOf(repository, points[0]!)).toEqual(before)
    },
  )

  test('keeps what the old index knew of a pack whose header is damaged, and removes no pack', async () => {
    const { storage, repository, points } = await twoPoints()
    const [pack] = repository.index.packs
    const size = (await storage.stat({ kind: 'data', name: pack! }))!.size
    flip(storage, pack!, size - 30)
    const before = await digestsOf(repository, points[0]!)
    const packs = await Array.fromAsync(storage.list('data'))
    expect(await rebuildIndex(repository)).toMatchObject({ keptFromOld: [pack], unreadable: [] })
    expect(await digestsOf(repository, points[0]!)).toEqual(before)
    expect(await Array.fromAsync(storage.list('data'))).toEqual(packs)
  })
})

describe('repairing', () => {
  test('changes nothing in a whole repository but the index', async () => {
    const { storage, repository } = await twoPoints()
    const before = [...storage.files.keys()].filter((key) => !key.startsWith('index/'))
    const result = await repairRepository(repository)
    expect(result).toMatchObject({ packs: { packs: [] }, points: [] })
    expect([...storage.files.keys()].filter((key) => !key.startsWith('index/'))).toEqual(before)
  })

  test('makes new points whose lost ranges read as zeros, and keeps the old ones', async () => {
    const { storage, repository, points, disk } = await twoPoints()
    // In the first point only, and not its last piece.
    const place = repository.index.locate('data', hash('sha256', disk.subarray(81_920, 86_016), 'hex'))!
    flip(storage, place.pack, place.offset + 100)
    const result = await repairRepository(repository)
    expect(result.points).toEqual([
      {
        from: points[0]!.id,
        to: expect.any(String) as string,
        lost: [{ path: '/disk.raw', ranges: [{ offset: 81_920, length: 4096 }] }],
      },
    ])
    expect(result.packs).toMatchObject({ packs: [place.pack], lost: 1 })
    const all = await listSnapshots(repository)
    expect(all.map(({ id }) => id)).toEqual(expect.arrayContaining(points.map(({ id }) => id)))
    const repaired = all.find(({ id }) => id === result.points[0]!.to)!
    expect(repaired).toMatchObject({ original: points[0]!.id, tags: ['repaired'], time: 1000, hostname: 'vm' })
    const expected = disk.slice()
    expected.fill(0, 81_920, 86_016)
    const digests = await digestsOf(repository, repaired)
    expect(digests['/disk.raw']).toBe(createHash('sha256').update(expected).digest('hex'))
    expect(Object.keys(digests).sort()).toEqual(['/disk.raw', '/lost-ranges.json', '/vm.json'])
    // A second repair has nothing to do.
    expect((await repairRepository(repository)).points).toEqual([])
    await storage.remove({ kind: 'snapshot', name: points[0]!.id })
    expect(await checkRepository(repository, { lock: false })).toMatchObject({ ok: true })
    expect(await resticChecks(storage, 'zeros')).toMatchObject({ code: 0 })
  })

  test('a later backup of the same content makes the lost blob whole again', async () => {
    const { storage, repository, points, disk } = await twoPoints()
    const place = repository.index.locate('data', hash('sha256', disk.subarray(81_920, 86_016), 'hex'))!
    flip(storage, place.pack, place.offset + 100)
    await repairRepository(repository)
    await addPoint(repository, { files: { 'disk.raw': disk }, time: 3000 })
    await repository.loadIndex()
    expect((await digestsOf(repository, points[0]!))['/disk.raw']).toBe(createHash('sha256').update(disk).digest('hex'))
  })

  test('says that nothing of a point can be saved when its root tree is lost', async () => {
    const { storage, repository, points } = await twoPoints()
    const place = repository.index.locate('tree', points[1]!.tree)!
    flip(storage, place.pack, place.offset + 40)
    const result = await repairRepository(repository)
    expect(result.points).toEqual([{ from: points[1]!.id, lost: [{ path: '/', ranges: [] }] }])
    expect(await listSnapshots(repository)).toHaveLength(2)
    await expect(loadTree(repository, points[1]!.tree)).rejects.toMatchObject({ code: 'backup.blob_missing' })
  })

  test('saves what is left when a pack is gone', async () => {
    const { storage, repository, points, disk } = await twoPoints()
    const { pack } = repository.index.locate('data', hash('sha256', disk.subarray(0, 4096), 'hex'))!
    await storage.remove({ kind: 'data', name: pack })
    const result = await repairRepository(await openRepository(storage))
    expect(result.index.gone).toEqual([pack])
    expect(result.points.map(({ from }) => from).sort()).toEqual(points.map(({ id }) => id).sort())
    for (const { to } of result.points) {
      const point = (await listSnapshots(repository)).find(({ id }) => id === to)!
      await repository.loadIndex()
      await expect(digestsOf(repository, point)).resolves.toBeDefined()
      const { nodes } = await loadTree(repository, point.tree)
      expect(nodes.find(({ name }) => name === 'disk.raw')!.size).toBe(point.hostname === 'vm' ? 100_000 : 60_000)
    }
    for (const { id } of points) await storage.remove({ kind: 'snapshot', name: id })
    expect(await checkRepository(repository, { read: { kind: 'all' }, lock: false })).toMatchObject({ ok: true })
    expect(await resticChecks(storage, 'gone')).toMatchObject({ code: 0 })
  })
})
