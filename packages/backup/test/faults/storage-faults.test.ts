import { systemClock } from '@nixen/core'
import { makeRepository, openRepository } from '@nixen/testkit/restic-fixture'
import { FaultyStorage, type Fault } from '@nixen/testkit/storage-faults'
import { snapshotOf } from '@nixen/testkit/storage-recorder'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  checkRepository,
  listSnapshots,
  loadTree,
  MemoryStorage,
  Repository,
  RetryingStorage,
  storageErrors,
  type FileId,
  type Storage,
} from '../../src/index.ts'
import { diskOn, faultsOf, operate, operations, type Operation } from './example.ts'

const where = 'the test'
const full = storageErrors.full({ where })
const broken = storageErrors.failed({ where, reason: 'EIO' })
const denied = storageErrors.denied({ where, reason: 'EACCES' })
const away = storageErrors.unavailable({ where, reason: 'ETIMEDOUT' })

let days: MemoryStorage
let empty: MemoryStorage

beforeAll(async () => {
  days = new MemoryStorage()
  const repository = await makeRepository(days)
  for (const day of [1, 2, 3, 4]) await operate('backup', { repository }, day)
  for (const { time, id } of await listSnapshots(repository)) {
    if (time < Date.UTC(2026, 0, 3)) await days.remove({ kind: 'snapshot', name: id })
  }
  empty = new MemoryStorage()
  await makeRepository(empty)
})

/** Runs an operation on a copy of the example under faults; what is left, and what it failed with. */
async function runWith(
  operation: Operation,
  faults: readonly Fault[],
): Promise<{ code: string; storage: MemoryStorage; mirror: MemoryStorage }> {
  const [storage, mirror] = [await snapshotOf(days), await snapshotOf(empty)]
  const changed = new FaultyStorage(operation === 'copy' ? mirror : storage)
  const [repository, target] = await Promise.all([
    openRepository(operation === 'copy' ? storage : changed),
    openRepository(operation === 'copy' ? changed : mirror),
  ])
  for (const fault of faults) changed.inject(fault)
  const code = await operate(operation, { repository, mirror: target }, 5).then(
    () => 'none',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  )
  return { code, storage, mirror }
}

/** The storage's lock files of a run that failed in the middle are its own, and of this process. */
async function unlocked(storage: Storage): Promise<Storage> {
  for await (const { name } of storage.list('lock')) await storage.remove({ kind: 'lock', name })
  return storage
}

/** Which call of its kind fails; all of the first ones in the long run. */
const moments = process.env['NIXEN_FAULTS'] ? Array.from({ length: 24 }, (_, i) => i) : [0, 1, 4, 9]

/** What each operation does to the changed storage here: forgetting has nothing to remove, and the target of a copy is empty. */
const calls: Record<Operation, readonly string[]> = {
  backup: ['save', 'load'],
  forget: ['load'],
  prune: ['save', 'load', 'remove'],
  copy: ['save'],
}

const isNoLock = ({ kind }: FileId): boolean => kind !== 'lock'

describe.each(operations)('%s on a storage that fails', (operation) => {
  test.each([
    ['is full', 'save', full],
    ['has a broken disk', 'load', broken],
    ['refuses access', 'remove', denied],
    ...(process.env['NIXEN_FAULTS'] ? ([['can not be reached', 'save', away]] as const) : []),
  ] as const)('%s at any %s: a clear error, nothing lost, and the next run works', async (_, on, error) => {
    let failures = 0
    for (const skip of moments) {
      const { code, storage, mirror } = await runWith(operation, [
        { on, skip, when: isNoLock, effect: { kind: 'error', error } },
      ])
      if (code === 'none') break
      failures++
      expect(code).toBe(error.code)
      expect(await faultsOf(await unlocked(storage), [2, 3, 4])).toEqual([])
      expect(await faultsOf(await unlocked(mirror), [])).toEqual([])
      await operate(operation, { repository: await openRepository(storage), mirror: await openRepository(mirror) }, 5)
      expect(await faultsOf(storage, [2, 3, 4])).toEqual([])
    }
    expect(failures > 0).toBe(calls[operation].includes(on))
  })

  test('gets over failures that pass', async () => {
    const [storage, mirror] = [await snapshotOf(days), await snapshotOf(empty)]
    const shaky = (inner: Storage): Storage => {
      const faulty = new FaultyStorage(inner)
      for (const on of ['save', 'load', 'stat', 'list', 'remove'] as const) {
        faulty.inject({ on, every: 4, effect: { kind: 'error', error: away } })
        faulty.inject({ on, every: 5, effect: { kind: 'lost answer', error: away } })
      }
      return new RetryingStorage(faulty, { base: 0 })
    }
    await operate(
      operation,
      { repository: await openRepository(shaky(storage)), mirror: await openRepository(shaky(mirror)) },
      5,
    )
    expect(await faultsOf(storage, operation === 'backup' ? [2, 3, 4, 5] : [2, 3, 4])).toEqual([])
    expect(await faultsOf(mirror, operation === 'copy' ? [2, 3, 4] : [])).toEqual([])
  })

  test('waits for a storage that answers slowly', async () => {
    const faults = (['save', 'load', 'list'] as const).map((on): Fault => ({
      on,
      every: 3,
      effect: { kind: 'delay', ms: 30 },
    }))
    const { code, storage } = await runWith(operation, faults)
    expect(code).toBe('none')
    expect(await faultsOf(storage, [2, 3, 4])).toEqual([])
  })
})

describe('reading from a storage that lies', () => {
  test.each([
    ['short reads', { kind: 'short read', bytes: 100 }],
    ['a flipped bit', { kind: 'bit flip', bit: 4321 }],
  ] as const)('never gives wrong bytes: %s', async (_, effect) => {
    const storage = await snapshotOf(days)
    const faulty = new FaultyStorage(storage)
    const repository = await openRepository(faulty)
    await repository.loadIndex()
    const point = (await listSnapshots(repository)).at(-1)!
    const { nodes } = await loadTree(repository, point.tree)
    const disk = nodes.find(({ name }) => name === 'disk-a.raw')!
    const expected = diskOn(4)
    faulty.inject({ on: 'load', every: 2, effect })
    let [wrong, refused, offset] = [0, 0, 0]
    for (const { id, count } of disk.content!.runs()) {
      const length = repository.index.plainLength(repository.index.find('data', id)) * count
      const bytes = await repository.loadBlob('data', id).catch(() => undefined)
      if (!bytes) refused++
      else if (count === 1 && Buffer.compare(bytes, expected.subarray(offset, offset + length)) !== 0) wrong++
      offset += length
    }
    expect(wrong).toBe(0)
    expect(refused).toBeGreaterThan(0)
  })
})

describe('a storage that is not what it says', () => {
  test('lost the last writes in a power cut: the check names what is lost, and older points are whole', async () => {
    for (const kind of ['data', 'index', 'snapshot'] as const) {
      const storage = await snapshotOf(days)
      const faulty = new FaultyStorage(storage)
      faulty.inject({ on: 'save', when: (file) => file.kind === kind, effect: { kind: 'lost write' } })
      await operate('backup', { repository: await openRepository(faulty) }, 5)
      await faulty.cutPower()
      const repository = await openRepository(storage)
      const { findings, ok } = await checkRepository(repository, { lock: false })
      // Without its last file the restore point is simply not there.
      expect({ kind, ok }).toEqual({ kind, ok: kind === 'snapshot' })
      const affected = new Set(findings.flatMap(({ affects }) => affects.map(({ time }) => time)))
      expect([...affected].filter((time) => time !== Date.UTC(2026, 0, 6))).toEqual([])
      const newest = (await listSnapshots(repository)).find(({ time }) => time === Date.UTC(2026, 0, 6))
      if (newest) await storage.remove({ kind: 'snapshot', name: newest.id })
      await operate('backup', { repository: await openRepository(storage) }, 6).catch(() => undefined)
      const old = await openRepository(storage)
      await old.loadIndex()
      expect((await listSnapshots(old)).length).toBeGreaterThanOrEqual(3)
    }
  })

  test('lists an old state of its index: a backup stores again what it does not see, a prune refuses', async () => {
    const storage = await snapshotOf(days)
    const faulty = new FaultyStorage(storage)
    const repository = await openRepository(faulty)
    await repository.loadIndex()
    await operate('backup', { repository: await openRepository(storage) }, 5)
    faulty.inject({ on: 'list', when: ({ kind }) => kind === 'index', effect: { kind: 'stale list' } })
    await expect(operate('prune', { repository }, 0)).rejects.toMatchObject({ code: 'backup.prune_unsafe' })
    await operate('backup', { repository }, 6)
    expect(await faultsOf(storage, [2, 3, 4, 5, 6])).toEqual([])
  })
})

describe('a lock', () => {
  async function leaveLock(storage: Storage, age: number): Promise<void> {
    const writer = await Repository.open(storage, { password: 'test' })
    const time = new Date(systemClock.now() - age).toISOString()
    const lock = {
      time,
      exclusive: true,
      hostname: 'a-machine-that-is-gone',
      username: 'root',
      pid: 4242,
      uid: 0,
      gid: 0,
    }
    await writer.saveUnpacked('lock', Buffer.from(JSON.stringify(lock)))
  }

  test("of a dead machine stands in nobody's way", async () => {
    const storage = await snapshotOf(days)
    await leaveLock(storage, 31 * 60_000)
    await operate('prune', { repository: await openRepository(storage) }, 0)
    expect(await Array.fromAsync(storage.list('lock'))).toEqual([])
    expect(await faultsOf(storage, [2, 3, 4])).toEqual([])
  })

  test('of another machine that may live is respected, and the error names it', async () => {
    const storage = await snapshotOf(days)
    await leaveLock(storage, 10 * 60_000)
    await expect(operate('backup', { repository: await openRepository(storage) }, 5)).rejects.toThrow(
      /locked exclusively by root@a-machine-that-is-gone \(process 4242\) since .*unlock/,
    )
  })
})
