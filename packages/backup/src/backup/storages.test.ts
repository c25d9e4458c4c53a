import { startS3Server } from '@nixen/testkit/s3-server'
import { expect, test } from 'vitest'
import { cheapKdf, diskOf, memoryDisk, password, temporaryDirectory } from '../../test/support.ts'
import { checkRepository } from '../check/check.ts'
import { Repository } from '../repository/repository.ts'
import { restorePointDisk } from '../restore/restore-point-disk.ts'
import { LocalStorage } from '../storage/local/local-storage.ts'
import { MemoryStorage } from '../storage/memory-storage.ts'
import { RetryingStorage } from '../storage/decorators/retrying.ts'
import { S3Storage } from '../storage/s3/s3-storage.ts'
import type { Storage } from '../storage/storage.ts'
import { backupDisks } from './backup-disks.ts'

/** What worker threads fill lies in shared memory: every storage must take it from there. */
const storages: Record<string, () => Promise<AsyncDisposable & { storage: Storage }>> = {
  'a local directory': async () => {
    const directory = await temporaryDirectory()
    return {
      ...directory,
      storage: new LocalStorage(directory.path),
      [Symbol.asyncDispose]: directory[Symbol.asyncDispose],
    }
  },
  memory: async () => ({ storage: new MemoryStorage(), [Symbol.asyncDispose]: async () => undefined }),
  S3: async () => {
    const server = await startS3Server()
    const { bucket, endpoint, credentials } = server
    const storage = new RetryingStorage(new S3Storage({ bucket, prefix: 'r', endpoint, credentials }))
    return { storage, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
  },
}

test.each(Object.keys(storages))('a disk is backed up, checked and read again on %s', async (name) => {
  const opened = await storages[name]!()
  await using _opened = opened
  const repository = await Repository.init(opened.storage, { password, kdf: cheapKdf })
  const disk = diskOf('rt0r'.repeat(20))
  await backupDisks(repository, {
    host: 'a',
    vm: {},
    disks: [{ name: 'x', source: memoryDisk(disk) }],
    workers: 2,
    packSize: 1_000_000,
  })
  expect(await checkRepository(repository, { read: { kind: 'all' }, workers: 1 })).toMatchObject({
    ok: true,
    findings: [],
  })
  const source = await restorePointDisk(repository, { snapshot: 'latest', path: '/disk-x.raw' })
  const read = Buffer.alloc(disk.length)
  await source.read(0, read)
  expect(read.equals(disk)).toBe(true)
})
