import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { startRadosgw, type Radosgw } from '@nixen/testkit/s3-radosgw'
import { makeRepository, addPoint, randomContent, digestsOf } from '@nixen/testkit/restic-fixture'
import { namedFile, storageConformance } from '@nixen/testkit/storage-conformance'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { executeForget } from '../../forget/execute-forget.ts'
import { planForgetNamed } from '../../forget/plan-forget.ts'
import { prune } from '../../prune/prune.ts'
import { listSnapshots } from '../../snapshot/snapshot.ts'
import { S3Storage } from './s3-storage.ts'

// Ceph's gateway: an S3 server with conditional writes and object lock. It takes 20 seconds to start.

describe.runIf(process.env['NIXEN_LONG_TESTS'] === '1')('on radosgw', () => {
  let server: Radosgw
  let client: S3Client

  beforeAll(async () => {
    server = await startRadosgw()
    const { endpoint, credentials } = server
    client = new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true })
    await client.send(new CreateBucketCommand({ Bucket: 'plain' }))
    await client.send(new CreateBucketCommand({ Bucket: 'locked', ObjectLockEnabledForBucket: true }))
  }, 180_000)
  afterAll(async () => {
    client.destroy()
    await server[Symbol.asyncDispose]()
  })

  storageConformance({
    name: 'radosgw',
    open: async () =>
      new S3Storage({
        bucket: 'plain',
        prefix: 'conformance',
        endpoint: server.endpoint,
        credentials: server.credentials,
      }),
  })

  test('measures that conditional writes are honoured, and relies on them', async () => {
    const { endpoint, credentials } = server
    const storage = new S3Storage({ bucket: 'plain', prefix: 'conditional', endpoint, credentials })
    expect(storage.properties.exclusiveCreate).toBe(false)
    const bytes = randomContent(1000, 1)
    await storage.save(namedFile('data', bytes), [bytes])
    expect(storage.properties.exclusiveCreate).toBe(true)
  })

  test('keeps what was forgotten and pruned until its retention ends', async () => {
    const { endpoint, credentials } = server
    const storage = new S3Storage({
      bucket: 'locked',
      endpoint,
      credentials,
      retention: { mode: 'governance', days: 7 },
    })
    const repository = await makeRepository(storage)
    const point = await addPoint(repository, { files: { 'disk.raw': randomContent(50_000, 1) }, time: 1000 })
    const other = await addPoint(repository, { files: { 'disk.raw': randomContent(50_000, 2) }, time: 2000 })
    const retention = await client.send(
      new GetObjectRetentionCommand({ Bucket: 'locked', Key: `snapshots/${point.id}` }),
    )
    expect(retention.Retention?.Mode).toBe('GOVERNANCE')
    expect(retention.Retention?.RetainUntilDate?.getTime()).toBeGreaterThan(Date.now() + 6.9 * 86_400_000)
    await executeForget(repository, planForgetNamed(await listSnapshots(repository), [point.id]))
    await prune(repository)
    expect((await listSnapshots(repository)).map(({ id }) => id)).toEqual([other.id])
    await expect(digestsOf(repository, other)).resolves.toBeDefined()
    const { Versions = [] } = await client.send(
      new ListObjectVersionsCommand({ Bucket: 'locked', Prefix: `snapshots/${point.id}` }),
    )
    expect(Versions).toHaveLength(1)
    const removal = new DeleteObjectCommand({
      Bucket: 'locked',
      Key: Versions[0]?.Key,
      VersionId: Versions[0]?.VersionId,
    })
    await expect(client.send(removal)).rejects.toMatchObject({ name: 'AccessDenied' })
    // Locks are not kept: they are gone, and nothing holds their versions.
    expect(await Array.fromAsync(storage.list('lock'))).toEqual([])
  })
})
