import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemClock, type Clock } from '@nixen/core'
import { FaultyStorage } from '@nixen/testkit/storage-faults'
import { namedFile, storageConformance } from '@nixen/testkit/storage-conformance'
import { afterAll, describe, expect, test } from 'vitest'
import { MemoryStorage } from '../memory-storage.ts'
import { storageErrors } from '../storage-errors.ts'
import { CachedStorage } from './cached.ts'
import { LimitedStorage } from './limited.ts'
import { RetryingStorage } from './retrying.ts'
import { Rate } from './rate.ts'
import { ThrottledStorage } from './throttled.ts'

const cacheRoot = await mkdtemp(path.join(tmpdir(), 'nixen-cache-'))
afterAll(() => rm(cacheRoot, { recursive: true, force: true }))

storageConformance({ name: 'retrying', open: async () => new RetryingStorage(new MemoryStorage()) })
storageConformance({ name: 'limited to 2', open: async () => new LimitedStorage(new MemoryStorage(), 2) })
storageConformance({
  name: 'throttled',
  open: async () => new ThrottledStorage(new MemoryStorage(), { upload: 1e9, download: 1e9 }),
})
storageConformance({
  name: 'cached',
  open: async () => new CachedStorage(new MemoryStorage(), { directory: path.join(cacheRoot, 'conformance') }),
})
storageConformance({ name: 'faulty, without faults', open: async () => new FaultyStorage(new MemoryStorage()) })
storageConformance({
  name: 'retrying over a storage where every third call fails',
  open: async () => {
    const faulty = new FaultyStorage(new MemoryStorage())
    const error = storageErrors.unavailable({ where: 'memory', reason: 'test' })
    for (const on of ['save', 'load', 'stat', 'list', 'remove'] as const)
      faulty.inject({ on, every: 3, effect: { kind: 'error', error } })
    return new RetryingStorage(faulty, { base: 0 })
  },
})

const bytes = Buffer.from('the content')
const file = namedFile('index', bytes)
const away = storageErrors.unavailable({ where: 'memory', reason: 'test' })

describe('a retrying storage', () => {
  test('takes a file for saved when only the answer was lost', async () => {
    const faulty = new FaultyStorage(new MemoryStorage())
    faulty.inject({ on: 'save', times: 1, effect: { kind: 'lost answer', error: away } })
    await new RetryingStorage(faulty, { base: 0 }).save(file, [bytes])
    expect(Buffer.from(await faulty.load(file)).equals(bytes)).toBe(true)
  })

  test('does not take a different file of that name for its own', async () => {
    const memory = new MemoryStorage()
    await memory.save(file, [Buffer.from('different')])
    const faulty = new FaultyStorage(memory)
    faulty.inject({ on: 'save', times: 1, effect: { kind: 'error', error: away } })
    await expect(new RetryingStorage(faulty, { base: 0 }).save(file, [bytes])).rejects.toMatchObject({
      code: 'storage.exists',
    })
  })

  test('gives up after its tries, with the last error', async () => {
    const faulty = new FaultyStorage(new MemoryStorage())
    faulty.inject({ on: 'stat', effect: { kind: 'error', error: away } })
    await expect(new RetryingStorage(faulty, { base: 0, attempts: 3 }).stat(file)).rejects.toBe(away)
    expect(faulty.calls('stat')).toBe(3)
  })

  test('does not repeat what can not get better', async () => {
    const faulty = new FaultyStorage(new MemoryStorage())
    faulty.inject({ on: 'save', effect: { kind: 'error', error: storageErrors.full({ where: 'memory' }) } })
    await expect(new RetryingStorage(faulty).save(file, [bytes])).rejects.toMatchObject({ code: 'storage.full' })
    expect(faulty.calls('save')).toBe(1)
  })

  test('continues a list that broke off without naming a file twice', async () => {
    const memory = new MemoryStorage()
    const files = Array.from({ length: 10 }, (_, i) => namedFile('snapshot', Buffer.from([i])))
    for (const one of files) await memory.save(one, [])
    const faulty = new FaultyStorage(memory)
    faulty.inject({ on: 'list', times: 1, effect: { kind: 'broken list', after: 4, error: away } })
    const names = (await Array.fromAsync(new RetryingStorage(faulty, { base: 0 }).list('snapshot'))).map(
      ({ name }) => name,
    )
    expect(names.sort()).toEqual(files.map(({ name }) => name).sort())
  })
})

describe('a throttled storage', () => {
  test('keeps the average rate', async () => {
    let now = 0
    const clock: Clock = { ...systemClock, monotonic: () => now, sleep: async (ms) => void (now += ms) }
    const throttled = new ThrottledStorage(new MemoryStorage(), { upload: 1000, clock })
    for (let i = 0; i < 5; i++) await throttled.save(namedFile('data', Buffer.from([i])), [Buffer.alloc(500)])
    // Four times half a second; the fifth file's share of time is not waited for.
    expect(now).toBe(2000)
  })

  test('keeps to a rate that is set while it is open', async () => {
    let now = 0
    const clock: Clock = { ...systemClock, monotonic: () => now, sleep: async (ms) => void (now += ms) }
    const rate = new Rate(undefined, clock)
    const throttled = new ThrottledStorage(new MemoryStorage(), { upload: rate })
    const save = async (n: number): Promise<void> =>
      await throttled.save(namedFile('data', Buffer.from([n])), [Buffer.alloc(500)])
    for (let i = 0; i < 5; i++) await save(i)
    expect(now).toBe(0)
    rate.set(1000)
    for (let i = 5; i < 8; i++) await save(i)
    expect(now).toBe(1000)
  })
})

describe('a cached storage', () => {
  async function cachedFile(): Promise<{ memory: MemoryStorage; cached: CachedStorage; directory: string }> {
    const directory = await mkdtemp(path.join(cacheRoot, 'one-'))
    const memory = new MemoryStorage()
    const cached = new CachedStorage(memory, { directory })
    await cached.save(file, [bytes])
    await cached.load(file)
    return { memory, cached, directory }
  }

  test('answers from the cache, and asks the store when told to', async () => {
    const { memory, cached } = await cachedFile()
    memory.files.clear()
    expect(Buffer.from(await cached.load(file)).equals(bytes)).toBe(true)
    await expect(cached.load(file, { cache: 'bypass' })).rejects.toMatchObject({ code: 'storage.not_found' })
  })

  test('reads a damaged cached file again', async () => {
    const { cached, directory } = await cachedFile()
    const entry = path.join(directory, 'index', file.name)
    const stored = await readFile(entry)
    stored[3] = (stored[3] ?? 0) ^ 1
    await writeFile(entry, stored)
    expect(Buffer.from(await cached.load(file)).equals(bytes)).toBe(true)
  })

  test('drops what the repository no longer has', async () => {
    const { memory, cached, directory } = await cachedFile()
    memory.files.clear()
    await Array.fromAsync(cached.list('index'))
    expect(await readdir(path.join(directory, 'index'))).toEqual([])
  })

  test('keeps ranges of packs only when asked, and no more than its limit', async () => {
    const directory = await mkdtemp(path.join(cacheRoot, 'one-'))
    const cached = new CachedStorage(new MemoryStorage(), { directory, limit: 2500 })
    const pack = Buffer.alloc(100_000, 7)
    await cached.save(namedFile('data', pack), [pack])
    await cached.load(namedFile('data', pack), { offset: 5, length: 1000 })
    expect(await readdir(directory)).toEqual([])
    for (let offset = 0; offset < 5000; offset += 1000) {
      await cached.load(namedFile('data', pack), { offset, length: 1000, cache: 'keep' })
    }
    expect(await readdir(path.join(directory, 'data'))).toHaveLength(5)
    await cached.trim()
    expect(await readdir(path.join(directory, 'data'))).toHaveLength(2)
  })
})
