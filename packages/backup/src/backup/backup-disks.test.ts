import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isZero } from '@nixen/core'
import type { DiskSource, Extent } from '@nixen/disk'
import { diskOf, initRepository, memoryDisk, openRepository, restic, temporaryDirectory } from '../../test/support.ts'
import { lockRepository, unlock } from '../lock/lock.ts'
import type { Repository } from '../repository/repository.ts'
import { listSnapshots } from '../snapshot/snapshot.ts'
import { findNode } from '../tree/read-tree.ts'
import { backupDisks } from './backup-disks.ts'

const pattern = `${'t'.repeat(20)}${'0'.repeat(40)}${'r'.repeat(16)}aab${'0'.repeat(30)}tr`

describe('a backup', () => {
  test('is listed, checked, dumped and restored by restic', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    const disk = diskOf(pattern)
    const odd = disk.slice(0, disk.length - 12_345)
    const image = path.join(directory.path, 'image')
    await writeFile(image, disk)
    const { snapshot, disks, readBytes } = await backupDisks(repository, {
      host: 'web',
      path: '/pool/web',
      vm: { name: 'web', memory: 1024 },
      disks: [
        { name: 'root', source: memoryDisk(disk), rawFile: image },
        { name: 'odd', source: memoryDisk(odd) },
        { name: 'empty', source: memoryDisk(new Uint8Array(0)) },
        { name: 'zero', source: memoryDisk(new Uint8Array(3_000_000)) },
      ],
      files: [
        {
          name: 'nvram.bin',
          content: (async function* () {
            yield Buffer.from('nv')
            yield Buffer.from('ram')
          })(),
        },
      ],
      tags: ['daily', 'job:1'],
      workers: 2,
    })
    expect(disks.map(({ file, mode }) => [file, mode])).toEqual([
      ['disk-root.raw', 'full'],
      ['disk-odd.raw', 'full'],
      ['disk-empty.raw', 'full'],
      ['disk-zero.raw', 'full'],
    ])
    expect(readBytes).toBeLessThan(disk.length + odd.length)
    expect((await restic(directory.path, 'check', '--read-data')).toString()).toContain('no errors were found')
    const [listed] = JSON.parse((await restic(directory.path, 'snapshots', '--json')).toString()) as [
      Record<string, unknown>,
    ]
    expect(listed).toMatchObject({ id: snapshot.id, hostname: 'web', paths: ['/pool/web'], tags: ['daily', 'job:1'] })
    expect((await restic(directory.path, 'dump', 'latest', '/disk-root.raw')).equals(disk)).toBe(true)
    const target = path.join(directory.path, 'restored')
    await restic(directory.path, 'restore', 'latest', '--target', target)
    expect((await readFile(path.join(target, 'disk-root.raw'))).equals(disk)).toBe(true)
    expect((await readFile(path.join(target, 'disk-odd.raw'))).equals(odd)).toBe(true)
    expect((await readFile(path.join(target, 'disk-empty.raw'))).length).toBe(0)
    expect(isZero(await readFile(path.join(target, 'disk-zero.raw')))).toBe(true)
    expect(JSON.parse(await readFile(path.join(target, 'vm.json'), 'utf8'))).toEqual({ name: 'web', memory: 1024 })
    expect(await readFile(path.join(target, 'nvram.bin'), 'utf8')).toBe('nvram')
    expect(await readFile(path.join(target, 'README-RESTORE.txt'), 'utf8')).toContain('restic -r REPOSITORY restore')
  })

  test('of the same disk stores nothing new, however the disk is read', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    const disk = diskOf(pattern)
    const image = path.join(directory.path, 'image')
    await writeFile(image, disk)
    const first = await backupDisks(repository, { host: 'a', vm: {}, disks: [{ name: 'x', source: memoryDisk(disk) }] })
    const second = await backupDisks(repository, {
      host: 'b',
      vm: {},
      disks: [{ name: 'x', source: memoryDisk(disk), rawFile: image }],
    })
    expect(first.newBytes).toBeGreaterThan(0)
    expect(second.newBytes).toBe(0)
    expect(await content(repository, second.snapshot.tree)).toEqual(await content(repository, first.snapshot.tree))
    // A repository that is opened anew knows the same.
    const other = await openRepository(directory.path)
    const third = await backupDisks(other, { host: 'b', vm: {}, disks: [{ name: 'x', source: memoryDisk(disk) }] })
    expect(third.storedBytes).toBe(0)
  })

  test('with a change list is the same as one that reads everything, and reads only what the list names', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    const letters = fc.constantFrom('0', 't', 'r', 'a')
    await fc.assert(
      fc.asyncProperty(
        fc.array(letters, { minLength: 1, maxLength: 70 }),
        fc.array(fc.tuple(fc.nat(69), letters), { maxLength: 6 }),
        fc.nat(1000),
        async (blocks, changes, seed) => {
          const before = diskOf(blocks.join(''), seed)
          const after = before.slice()
          const extents: Extent[] = []
          for (const [block, letter] of changes.sort((a, b) => a[0] - b[0])) {
            if (block >= blocks.length || extents.at(-1)?.offset === block * 65_536) continue
            after.set(diskOf(letter, seed + 1), block * 65_536)
            extents.push({ offset: block * 65_536, length: 65_536, kind: letter === '0' ? 'zero' : 'data' })
          }
          const parent = await backupDisks(repository, {
            host: 'p',
            vm: {},
            disks: [{ name: 'x', source: memoryDisk(before) }],
            workers: 1,
          })
          const read: number[] = []
          const source: DiskSource = {
            ...memoryDisk(after),
            read: async (offset, into) => {
              read.push(offset)
              into.set(after.subarray(offset, offset + into.length))
            },
          }
          const changed = { parent: parent.snapshot.id, extents }
          const quick = await backupDisks(repository, {
            host: 'p',
            vm: {},
            disks: [{ name: 'x', source, changed }],
            workers: 1,
          })
          const full = await backupDisks(repository, {
            host: 'p',
            vm: {},
            disks: [{ name: 'x', source: memoryDisk(after) }],
            workers: 1,
          })
          expect(quick.disks[0]?.mode).toBe('changes')
          expect(quick.snapshot.parent).toBe(parent.snapshot.id)
          expect(await content(repository, quick.snapshot.tree)).toEqual(await content(repository, full.snapshot.tree))
          expect(quick.readBytes).toBeLessThanOrEqual(extents.length * 1_048_576)
          expect(read.length).toBeLessThanOrEqual(extents.length)
        },
      ),
      { numRuns: 8 },
    )
    expect((await restic(directory.path, 'check', '--read-data')).toString()).toContain('no errors were found')
  })

  test.each([
    ['a restore point that is gone', async () => ({ parent: 'ab'.repeat(32) })],
    [
      'a disk that it does not have',
      async (repository: Repository) => ({ parent: (await listSnapshots(repository))[0]!.id, file: 'disk-other.raw' }),
    ],
    [
      'a disk that was larger',
      async (repository: Repository) => ({ parent: (await listSnapshots(repository))[0]!.id, file: 'disk-y.raw' }),
    ],
  ])('with a change list against %s reads the whole disk and says why', async (_, changed) => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    const disk = diskOf('trt')
    await backupDisks(repository, {
      host: 'a',
      vm: {},
      disks: [
        { name: 'x', source: memoryDisk(disk) },
        { name: 'y', source: memoryDisk(diskOf('trtr')) },
      ],
      workers: 1,
    })
    const request = { name: 'x', source: memoryDisk(disk), changed: { ...(await changed(repository)), extents: [] } }
    const { disks, readBytes } = await backupDisks(repository, { host: 'a', vm: {}, disks: [request], workers: 1 })
    expect(disks[0]).toMatchObject({ mode: 'full', reason: expect.any(String) })
    expect(readBytes).toBe(disk.length)
  })

  test('that is aborted makes no restore point, and the next one works', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    const disk = diskOf('r'.repeat(160))
    const abort = new AbortController()
    const source: DiskSource = {
      ...memoryDisk(disk),
      read: async (offset, into) => {
        if (offset > 3_000_000) abort.abort(new Error('enough'))
        into.set(disk.subarray(offset, offset + into.length))
      },
    }
    const request = { host: 'a', vm: {}, workers: 2, packSize: 1_000_000 }
    await expect(
      backupDisks(repository, { ...request, disks: [{ name: 'x', source }], signal: abort.signal }),
    ).rejects.toThrow('enough')
    expect(await listSnapshots(repository)).toEqual([])
    const { snapshot } = await backupDisks(repository, { ...request, disks: [{ name: 'x', source: memoryDisk(disk) }] })
    expect((await restic(directory.path, 'dump', snapshot.id, '/disk-x.raw')).equals(disk)).toBe(true)
    expect((await restic(directory.path, 'check', '--read-data')).toString()).toContain('no errors were found')
  })

  test('of a source that fails says where, and makes no restore point', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    const source: DiskSource = {
      ...memoryDisk(diskOf('r'.repeat(90))),
      read: async (offset) => {
        if (offset > 0) throw new Error('bad sector')
      },
    }
    await expect(
      backupDisks(repository, { host: 'a', vm: {}, disks: [{ name: 'x', source }], workers: 2 }),
    ).rejects.toMatchObject({ code: 'backup.source_failed', details: { disk: 'x' } })
    const rawFile = path.join(directory.path, 'gone')
    await expect(
      backupDisks(repository, {
        host: 'a',
        vm: {},
        disks: [{ name: 'x', source: memoryDisk(diskOf('r')), rawFile }],
        workers: 2,
      }),
    ).rejects.toMatchObject({ code: 'backup.worker_failed' })
    expect(await listSnapshots(repository)).toEqual([])
  })

  test('whose lock is lost makes no restore point', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    const backup = backupDisks(repository, {
      host: 'a',
      vm: {},
      disks: [{ name: 'x', source: memoryDisk(diskOf('r')) }],
      workers: 1,
      onCommit: async (point) => void (point === 'index' && (await unlock(repository, { all: true }))),
    })
    await expect(backup).rejects.toMatchObject({ code: 'backup.lock_lost' })
    expect(await listSnapshots(repository)).toEqual([])
  })

  test('waits for nobody who holds an exclusive lock', async () => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    await using _lock = await lockRepository(repository, { exclusive: true })
    await expect(backupDisks(repository, { host: 'a', vm: {}, disks: [] })).rejects.toMatchObject({
      code: 'backup.repository_locked',
    })
  })

  test.each(['../up', 'a/b', '', 'x'.repeat(300)])('refuses the name %j', async (name) => {
    await using directory = await temporaryDirectory()
    const repository = await initRepository(directory.path)
    const disks = [{ name: 'x', file: name, source: memoryDisk(new Uint8Array(0)) }]
    await expect(backupDisks(repository, { host: 'a', vm: {}, disks })).rejects.toMatchObject({
      code: 'backup.disk_name',
    })
  })
})

async function content(repository: Repository, tree: string): Promise<string[]> {
  const node = await findNode(repository, tree, '/disk-x.raw')
  return [...(node?.content ?? [])]
}
