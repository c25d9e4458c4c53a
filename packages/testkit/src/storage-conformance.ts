import { createHash, randomBytes } from 'node:crypto'
import { isAppError, MiB } from '@nixen/core'
import type { FileId, Storage } from '@nixen/backup'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

export interface StorageUnderTest {
  readonly name: string
  /** A storage without any file. */
  readonly open: () => Promise<Storage>
  /** Whether two writers of one name may both succeed, as on stores without conditional writes. Then they write the same, as in a repository. */
  readonly racy?: boolean
}

/** A file whose name is the hash of its content, as all files of a repository but keys, locks and the configuration. */
export function namedFile(kind: FileId['kind'], bytes: Uint8Array): FileId {
  return { kind, name: createHash('sha256').update(bytes).digest('hex') }
}

function randomFile(kind: FileId['kind'], size: number): { file: FileId; bytes: Buffer } {
  const bytes = randomBytes(size)
  return { file: namedFile(kind, bytes), bytes }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'none'
  } catch (error) {
    return isAppError(error) ? error.code : String(error)
  }
}

/** What every storage must do. Call it once for each implementation and each decorator. */
export function storageConformance({ name, open, racy = false }: StorageUnderTest): void {
  describe(`storage conformance: ${name}`, () => {
    let storage: Storage
    const config: FileId = { kind: 'config', name: '' }

    beforeAll(async () => {
      storage = await open()
      await storage.save(config, [Buffer.from('configuration')])
    })
    afterAll(async () => {
      await storage[Symbol.asyncDispose]()
    })

    async function namesOf(kind: FileId['kind']): Promise<Map<string, number>> {
      const names = new Map<string, number>()
      for await (const { name, size } of storage.list(kind)) names.set(name, size)
      return names
    }

    test('says where it is', () => {
      expect(storage.properties.location).not.toBe('')
      expect(storage.properties.connections).toBeGreaterThan(0)
    })

    test.each(['key', 'lock', 'snapshot', 'index', 'data'] as const)(
      'saves, loads, lists and removes a %s file',
      async (kind) => {
        const { file, bytes } = randomFile(kind, 5000)
        await storage.save(file, [bytes.subarray(0, 1000), bytes.subarray(1000, 1000), bytes.subarray(1000)])
        expect(Buffer.from(await storage.load(file)).equals(bytes)).toBe(true)
        expect(await storage.stat(file)).toEqual({ size: 5000 })
        expect((await namesOf(kind)).get(file.name)).toBe(5000)
        await storage.remove(file)
        expect(await storage.stat(file)).toBeUndefined()
        expect((await namesOf(kind)).has(file.name)).toBe(false)
      },
    )

    test('has one configuration, with the empty name', async () => {
      expect(Buffer.from(await storage.load(config)).toString()).toBe('configuration')
      expect([...(await namesOf('config'))]).toEqual([['', 13]])
    })

    test('loads any range, and refuses one that goes past the end', async () => {
      const { file, bytes } = randomFile('data', 10_000)
      await storage.save(file, [bytes])
      const ranges = [
        [0, 1],
        [0, 10_000],
        [1, 9999],
        [9999, 1],
        [4096, 512],
      ] as const
      for (const [offset, length] of ranges) {
        const part = await storage.load(file, { offset, length })
        expect(Buffer.from(part).equals(bytes.subarray(offset, offset + length)), `${offset}+${length}`).toBe(true)
      }
      expect(Buffer.from(await storage.load(file, { offset: 9000 })).equals(bytes.subarray(9000))).toBe(true)
      expect(await codeOf(storage.load(file, { offset: 9000, length: 1001 }))).toBe('storage.truncated')
      expect(await codeOf(storage.load(file, { offset: 10_000, length: 1 }))).toBe('storage.truncated')
      expect(await codeOf(storage.load(file, { offset: 20_000, length: 10 }))).toBe('storage.truncated')
    })

    test('never changes a file that exists', async () => {
      const { file, bytes } = randomFile('index', 3000)
      await storage.save(file, [bytes])
      expect(await codeOf(storage.save(file, [Buffer.from('something else')]))).toBe('storage.exists')
      expect(Buffer.from(await storage.load(file)).equals(bytes)).toBe(true)
    })

    test('says that a file is not there', async () => {
      const { file } = randomFile('snapshot', 10)
      expect(await codeOf(storage.load(file))).toBe('storage.not_found')
      expect(await codeOf(storage.load(file, { offset: 3, length: 2 }))).toBe('storage.not_found')
      expect(await storage.stat(file)).toBeUndefined()
      await storage.remove(file)
    })

    test('keeps an empty file and a large one', async () => {
      const empty = randomFile('data', 0)
      await storage.save(empty.file, [])
      expect(await storage.stat(empty.file)).toEqual({ size: 0 })
      expect(await storage.load(empty.file)).toHaveLength(0)
      const large = randomFile('data', 20 * MiB + 13)
      await storage.save(large.file, [large.bytes.subarray(0, 7 * MiB + 1), large.bytes.subarray(7 * MiB + 1)])
      expect(Buffer.from(await storage.load(large.file)).equals(large.bytes)).toBe(true)
      const tail = await storage.load(large.file, { offset: 20 * MiB, length: 13 })
      expect(Buffer.from(tail).equals(large.bytes.subarray(20 * MiB))).toBe(true)
      await storage.remove(empty.file)
      await storage.remove(large.file)
    })

    test('lets one of several writers of a name win, and the file is always whole', async () => {
      const contents = Array.from({ length: 4 }, (_, i) => Buffer.alloc(200_000, racy ? 1 : i + 1))
      const { file } = randomFile('snapshot', 16)
      const results = await Promise.all(contents.map((bytes) => codeOf(storage.save(file, [bytes]))))
      const winners = results.filter((code) => code === 'none').length
      expect(racy ? winners > 0 : winners === 1).toBe(true)
      expect(new Set(results).isSubsetOf(new Set(['none', 'storage.exists']))).toBe(true)
      const stored = Buffer.from(await storage.load(file))
      expect(contents.some((bytes) => bytes.equals(stored))).toBe(true)
    })

    test('lists many files, and stops when the reader does', async () => {
      const files = Array.from({ length: 40 }, () => randomFile('lock', 20))
      await Promise.all(files.map(({ file, bytes }) => storage.save(file, [bytes])))
      expect([...(await namesOf('lock')).keys()].sort()).toEqual(files.map(({ file }) => file.name).sort())
      let seen = 0
      for await (const _ of storage.list('lock')) if (++seen === 3) break
      expect(seen).toBe(3)
      await Promise.all(files.map(({ file }) => storage.remove(file)))
      expect((await namesOf('lock')).size).toBe(0)
    })

    test('does nothing for a signal that is aborted', async () => {
      const reason = new Error('no longer wanted')
      const signal = AbortSignal.abort(reason)
      const { file, bytes } = randomFile('data', 100)
      await expect(storage.save(file, [bytes], { signal })).rejects.toBe(reason)
      await expect(storage.load(config, { signal })).rejects.toBe(reason)
      await expect(storage.stat(config, { signal })).rejects.toBe(reason)
      await expect(storage.remove(config, { signal })).rejects.toBe(reason)
      await expect(Array.fromAsync(storage.list('data', { signal }))).rejects.toBe(reason)
      expect(await storage.stat(file)).toBeUndefined()
      expect(await storage.stat(config)).toEqual({ size: 13 })
    })

    test('leaves no half a file when it is aborted while it writes', async () => {
      const { file, bytes } = randomFile('data', 8 * MiB)
      const stop = new AbortController()
      const saving = storage.save(file, [bytes], { signal: stop.signal })
      setTimeout(() => stop.abort(), 2)
      const code = await codeOf(saving)
      const found = await storage.stat(file)
      // The abort may come too late: then all of it is there.
      expect(found?.size ?? 'absent').toBe(
        code === 'none' ? bytes.length : found?.size === bytes.length ? bytes.length : 'absent',
      )
    })

    test('refuses names that no repository has', async () => {
      for (const name of ['', '../config', 'A'.repeat(64), `${'0'.repeat(63)}/`, '0'.repeat(63)]) {
        await expect(storage.load({ kind: 'data', name })).rejects.toThrow(RangeError)
      }
    })
  })
}
