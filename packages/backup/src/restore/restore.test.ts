import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDisk, type DiskSink, type DiskSource, type WritableDisk } from '@nixen/disk'
import { diskOf, initRepository, memoryDisk, openRepository, restic, temporaryDirectory } from '../../test/support.ts'
import { backupDisks } from '../backup/backup-disks.ts'
import type { Repository } from '../repository/repository.ts'
import { findSnapshot } from '../snapshot/snapshot.ts'
import { listFiles, readVm } from './open-restore-point.ts'
import { restoreDisk } from './restore-disk.ts'
import { restorePointDisk } from './restore-point-disk.ts'
import { updateDisk } from './update-disk.ts'

const pattern = `${'t'.repeat(20)}${'0'.repeat(40)}${'r'.repeat(16)}aab${'0'.repeat(30)}tr`
const diskPath = '/disk-x.raw'

function sinkOf(
  size: number,
  order: DiskSink['order'] = 'any',
): DiskSink & { bytes: Uint8Array; finished: boolean; offsets: number[] } {
  return {
    bytes: new Uint8Array(size),
    finished: false,
    offsets: [],
    size,
    order,
    async write(offset, bytes) {
      this.offsets.push(offset)
      this.bytes.set(bytes, offset)
    },
    async zero(offset, length) {
      this.bytes.fill(0, offset, offset + length)
    },
    async finish() {
      this.finished = true
    },
    async [Symbol.asyncDispose]() {
      // Memory only.
    },
  }
}

function writable(bytes: Uint8Array): DiskSource & WritableDisk & { written: number } {
  return {
    ...memoryDisk(bytes),
    written: 0,
    async write(offset, part) {
      this.written += part.length
      bytes.set(part, offset)
    },
    async zero(offset, length) {
      bytes.fill(0, offset, offset + length)
    },
    async flush() {
      // Memory only.
    },
  }
}

async function backup(repository: Repository, disk: Uint8Array): Promise<string> {
  const { snapshot } = await backupDisks(repository, {
    host: 'vm',
    vm: { name: 'vm' },
    disks: [{ name: 'x', source: memoryDisk(disk) }],
    workers: 1,
  })
  return snapshot.id
}

/** Changes a byte in the middle of the largest pack; its name. */
async function damagePack(directory: string): Promise<string> {
  const entries = (await readdir(path.join(directory, 'data'), { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile(),
  )
  const files = await Promise.all(
    entries.map(async (entry) => {
      const file = path.join(entry.parentPath, entry.name)
      return { file, size: (await stat(file)).size }
    }),
  )
  const { file } = files.sort((a, b) => b.size - a.size)[0]!
  const bytes = await readFile(file)
  bytes[bytes.length >> 1]! ^= 1
  await rm(file)
  await writeFile(file, bytes)
  return file
}

describe('a restore', () => {
  test.each(['any', 'ascending'] as const)(
    'to a sink of order %s gives every byte back, and writes no zeros',
    async (order) => {
      await using directory = await temporaryDirectory()
      const repository = await initRepository(directory.path)
      const disk = diskOf(pattern).slice(0, -777)
      await backup(repository, disk)
      const sink = sinkOf(disk.length, order)
      const result = await restoreDisk(await openRepository(directory.path), sink, {
        snapshot: 'latest',
        path: diskPath,
        workers: 2,
      })
      expect(Buffer.from(sink.bytes).equals(disk)).toBe(true)
      expect(sink.finished).toBe(true)
      expect(result.lost).toEqual([])
      expect(result.writtenBytes).toBeLessThan(disk.length - 2_000_000)
      const ascending = sink.offsets.every((offset, i) => i === 0 || offset > (sink.offsets[i - 1] ?? 0))
      expect(order === 'any' || ascending).toBe(true)
    },
  )

  test('to a file gives what restic restored, of a repository that restic wrote', async () => {
    await using directory = await temporaryDirectory()
    const repository = path.join(directory.path, 'repository')
    await restic(repository, 'init')
    const disk = diskOf(pattern, 5)
    const image = path.join(directory.path, 'image.raw')
    await writeFile(image, disk)
    await restic(repository, 'backup', image)
    const target = path.join(directory.path, 'out.raw')
    await using sink = await createDisk(target, { format: 'raw', size: disk.length })
    await restoreDisk(await openRepository(repository), sink, { snapshot: 'latest', path: image, workers: 2 })
    expect((await readFile(target)).equals(disk)).toBe(true)
  })

  test('of damaged data is refused with the ranges that are lost, or leaves them zero and tells them', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    const disk = diskOf('r'.repeat(64))
    await backup(repository, disk)
    await damagePack(directory.path)
    const options = { snapshot: 'latest', path: diskPath, workers: 1 }
    const refused = sinkOf(disk.length)
    const error = await restoreDisk(repository, refused, options).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'backup.restore_damaged', details: { ranges: [{ length: 1_048_576 }] } })
    expect(refused.finished).toBe(false)
    const sink = sinkOf(disk.length)
    const { lost } = await restoreDisk(repository, sink, { ...options, onDamage: 'zero-and-report' })
    expect(lost).toHaveLength(1)
    const expected = disk.slice()
    for (const { offset, length } of lost) expected.fill(0, offset, offset + length)
    expect(Buffer.from(sink.bytes).equals(expected)).toBe(true)
    expect(sink.finished).toBe(true)
  })

  test('of packs and indexes that are gone loses only what was in them', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    const disk = diskOf('r'.repeat(64))
    await backup(repository, disk)
    await rm(await damagePack(directory.path))
    const sink = sinkOf(disk.length)
    const { lost } = await restoreDisk(repository, sink, {
      snapshot: 'latest',
      path: diskPath,
      workers: 1,
      onDamage: 'zero-and-report',
    })
    expect(lost).toEqual([{ offset: 0, length: disk.length }])
  })

  test('to a target of another size is refused', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    await backup(repository, diskOf('rr'))
    await expect(restoreDisk(repository, sinkOf(5), { snapshot: 'latest', path: diskPath })).rejects.toMatchObject({
      code: 'backup.target_size',
    })
    await expect(restoreDisk(repository, sinkOf(5), { snapshot: 'latest', path: '/no' })).rejects.toMatchObject({
      code: 'backup.file_not_in_snapshot',
    })
    await expect(restoreDisk(repository, sinkOf(5), { snapshot: 'abcd', path: diskPath })).rejects.toMatchObject({
      code: 'backup.snapshot_not_found',
    })
  })

  test('onto an existing disk writes only what differs', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    const disk = diskOf(pattern)
    await backup(repository, disk)
    const now = disk.slice()
    now.set(diskOf('r', 77), 65_536 * 3)
    now.set(diskOf('t', 77), 65_536 * 40)
    const target = writable(now)
    const result = await updateDisk(repository, target, { snapshot: 'latest', path: diskPath, workers: 1 })
    expect(Buffer.from(now).equals(disk)).toBe(true)
    expect(target.written).toBe(1_048_576)
    expect(result.writtenBytes).toBe(1_048_576)
    expect(result.zeroedBytes).toBeGreaterThan(0)
    const again = await updateDisk(repository, target, { snapshot: 'latest', path: diskPath, workers: 1 })
    expect(again).toMatchObject({ writtenBytes: 0, zeroedBytes: 0 })
  })
})

describe('a disk of a restore point', () => {
  test('reads any range as it was', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    const disk = diskOf(pattern)
    await backup(repository, disk)
    await repository.loadIndex()
    await using source = await restorePointDisk(repository, {
      snapshot: 'latest',
      path: diskPath,
      cacheBytes: 3_000_000,
    })
    await fc.assert(
      fc.asyncProperty(fc.nat(disk.length), fc.nat(3_000_000), async (offset, length) => {
        const into = new Uint8Array(Math.min(length, disk.length - offset))
        await source.read(offset, into)
        expect(Buffer.from(into).equals(disk.subarray(offset, offset + into.length))).toBe(true)
      }),
      { numRuns: 30 },
    )
    await expect(source.read(disk.length - 1, new Uint8Array(2))).rejects.toThrow(RangeError)
  })

  test('tells zeros from data, and what changed since another one', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    const block = (text: string): string =>
      text
        .split('')
        .map((letter) => letter.repeat(16))
        .join('')
    const before = await backup(repository, diskOf(block('tr00ta')))
    const after = await backup(repository, diskOf(block('tb0rta').replace('t'.repeat(16), '0'.repeat(16))))
    await repository.loadIndex()
    await using old = await restorePointDisk(repository, { snapshot: before, path: diskPath })
    await using now = await restorePointDisk(repository, { snapshot: after, path: diskPath })
    const MiB = 1_048_576
    expect(await Array.fromAsync(old.extents())).toEqual([
      { offset: 0, length: 2 * MiB, kind: 'data' },
      { offset: 2 * MiB, length: 2 * MiB, kind: 'zero' },
      { offset: 4 * MiB, length: 2 * MiB, kind: 'data' },
    ])
    expect(await Array.fromAsync(now.extents({ since: old.token }))).toEqual([
      { offset: 0, length: MiB, kind: 'zero' },
      { offset: MiB, length: MiB, kind: 'data' },
      { offset: 3 * MiB, length: MiB, kind: 'data' },
    ])
    expect(await Array.fromAsync(now.extents({ since: now.token }))).toEqual([])
  })

  test('is browsed without reading disks', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    await backup(repository, diskOf('rt'))
    await repository.loadIndex()
    const snapshot = await findSnapshot(repository, 'latest')
    const files = await Array.fromAsync(listFiles(repository, snapshot))
    expect(files.map(({ path: name, size }) => [name, size > 0])).toEqual([
      ['/README-RESTORE.txt', true],
      ['/disk-x.raw', true],
      ['/vm.json', true],
    ])
    expect(await readVm(repository, snapshot)).toEqual({ name: 'vm' })
  })
})
