import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { systemClock } from '@nixen/core'
import { namedFile, storageConformance } from '@nixen/testkit/storage-conformance'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { LocalStorage } from './local-storage.ts'
import { storageError } from './system-errors.ts'

const made: string[] = []

async function directory(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'nixen-storage-'))
  made.push(folder)
  return folder
}

afterEach(async () => {
  for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true })
})

const conformanceRoot = await mkdtemp(path.join(tmpdir(), 'nixen-storage-'))
afterAll(() => rm(conformanceRoot, { recursive: true, force: true }))

storageConformance({
  name: 'local directory',
  open: async () => new LocalStorage(path.join(conformanceRoot, 'not', 'there', 'yet')),
})

describe('a local storage', () => {
  const bytes = Buffer.from('some bytes')
  const pack = namedFile('data', bytes)

  async function opened(): Promise<{ root: string; storage: LocalStorage }> {
    const root = await directory()
    const storage = new LocalStorage(root)
    await storage.save({ kind: 'config', name: '' }, [Buffer.from('c')])
    return { root, storage }
  }

  test('lays files out as restic does', async () => {
    const { root, storage } = await opened()
    await storage.save(pack, [bytes])
    await storage.save(namedFile('key', bytes), [bytes])
    const files = (await readdir(root, { recursive: true })).sort()
    expect(files).toContain(`data/${pack.name.slice(0, 2)}/${pack.name}`)
    expect(files).toContain(`keys/${pack.name}`)
    expect(files).toEqual(expect.arrayContaining(['config', 'data', 'index', 'keys', 'locks', 'snapshots']))
  })

  test('leaves no temporary file behind, neither after success nor after failure', async () => {
    const { root, storage } = await opened()
    await storage.save(pack, [bytes])
    await expect(storage.save(pack, [bytes])).rejects.toMatchObject({ code: 'storage.exists' })
    expect((await readdir(root, { recursive: true })).filter((name) => name.includes('tmp'))).toEqual([])
  })

  test('does not list unfinished files, and removes them once they are old', async () => {
    const { root, storage } = await opened()
    const folder = path.join(root, 'data', 'ab')
    await mkdir(folder, { recursive: true })
    const fresh = path.join(folder, `ab${'0'.repeat(62)}-tmp-fresh`)
    const old = path.join(folder, `ab${'0'.repeat(62)}-tmp-123456`)
    await writeFile(fresh, 'half')
    await writeFile(old, 'half')
    const twoDaysAgo = (systemClock.now() - 2 * 86_400_000) / 1000
    await utimes(old, twoDaysAgo, twoDaysAgo)
    expect(await Array.fromAsync(storage.list('data'))).toEqual([])
    expect(await storage.removeLeftovers({ olderThan: 86_400_000 })).toEqual({ removed: 1 })
    expect(await readdir(folder)).toEqual([path.basename(fresh)])
  })

  test('does not fill an empty mount point when the share is gone', async () => {
    const root = await directory()
    const storage = new LocalStorage(root)
    await expect(storage.save(pack, [bytes])).rejects.toThrow(/is it still mounted/)
    expect(await readdir(root)).toEqual([])
    // Nor when it goes away while the repository is open.
    await storage.save({ kind: 'config', name: '' }, [Buffer.from('c')])
    await storage.save(pack, [bytes])
    await rm(path.join(root, 'data'), { recursive: true })
    await expect(storage.save(pack, [bytes])).rejects.toThrow(/is it still mounted/)
  })

  test.skipIf(process.getuid?.() === 0)('says that access is refused', async () => {
    const { root, storage } = await opened()
    await chmod(path.join(root, 'data'), 0o500)
    await expect(storage.save(pack, [bytes])).rejects.toMatchObject({ code: 'storage.denied' })
  })

  test('says that a full disk is full, and leaves nothing', async ({ skip }) => {
    const { storage } = await opened()
    const root = storage.properties.location
    const mount = ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', path.join(root, 'data')]
    const mounted = await promisify(execFile)('mount', mount).then(
      () => true,
      () => false,
    )
    // Neither may every user mount, nor root in every container.
    skip(!mounted, 'a disk can not be mounted here')
    try {
      await expect(storage.save(pack, [Buffer.alloc(600_000)])).rejects.toMatchObject({
        code: 'storage.full',
        retryable: false,
      })
      expect(await Array.fromAsync(storage.list('data'))).toEqual([])
      expect(
        (await readdir(path.join(root, 'data'), { recursive: true })).filter((name) => name.includes('tmp')),
      ).toEqual([])
      await storage.save(pack, [bytes])
    } finally {
      await promisify(execFile)('umount', [path.join(root, 'data')])
    }
  })

  test.each([
    ['EIO', 'storage.failed', false],
    ['ESTALE', 'storage.unavailable', true],
    ['ETIMEDOUT', 'storage.unavailable', true],
    ['EROFS', 'storage.denied', false],
    ['EDQUOT', 'storage.full', false],
  ])('tells %s as %s', (code, expected, retryable) => {
    expect(storageError(Object.assign(new Error(code), { code }), '/x')).toMatchObject({ code: expected, retryable })
  })
})
