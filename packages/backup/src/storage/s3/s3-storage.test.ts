import { randomBytes } from 'node:crypto'
import { startFaultProxy, type FaultProxy, type ProxyFault } from '@nixen/testkit/s3-proxy'
import { startS3Server, type S3Server } from '@nixen/testkit/s3-server'
import { namedFile, storageConformance } from '@nixen/testkit/storage-conformance'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { RetryingStorage } from '../decorators/retrying.ts'
import { openStorage } from '../open-storage.ts'
import { S3Storage } from './s3-storage.ts'

let server: S3Server
let proxy: FaultProxy

beforeAll(async () => {
  server = await startS3Server()
  proxy = await startFaultProxy(server.endpoint)
})
afterEach(() => proxy.heal())
afterAll(async () => {
  await proxy[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

let prefixes = 0

function storageAt(endpoint: string, options: { idleTimeout?: number } = {}): S3Storage {
  const { bucket, credentials } = server
  return new S3Storage({ bucket, prefix: `repository/${prefixes++}`, endpoint, credentials, ...options })
}

// s3rver writes what it is told to, whatever the condition says; and answers 500 when two deletes meet in one folder.
storageConformance({
  name: 's3rver, with retries',
  open: async () => new RetryingStorage(storageAt(server.endpoint), { base: 5 }),
  racy: true,
})

describe('an S3 storage', () => {
  const bytes = randomBytes(300_000)
  const pack = namedFile('data', bytes)

  test('measures whether the store honours conditional writes: s3rver does not', async () => {
    const storage = storageAt(server.endpoint)
    await storage.save(pack, [bytes])
    expect(storage.properties.exclusiveCreate).toBe(false)
  })

  test('relies on a store that refuses a second write of a name', async () => {
    proxy.inject({
      method: 'PUT',
      path: /x-nixen-probe/,
      skip: 1,
      fault: { kind: 'status', status: 412, code: 'PreconditionFailed' },
    })
    const storage = storageAt(proxy.endpoint)
    await storage.save(pack, [bytes])
    expect(storage.properties.exclusiveCreate).toBe(true)
    proxy.inject({ method: 'PUT', path: /data/, fault: { kind: 'status', status: 412, code: 'PreconditionFailed' } })
    proxy.requests.length = 0
    await expect(storage.save(pack, [bytes])).rejects.toMatchObject({ code: 'storage.exists' })
    expect(proxy.requests.filter((request) => request.startsWith('HEAD'))).toEqual([])
  })

  const passing: [string, ProxyFault][] = [
    ['500 InternalError', { kind: 'status', status: 500, code: 'InternalError' }],
    ['503 SlowDown', { kind: 'status', status: 503, code: 'SlowDown' }],
    ['a reset before', { kind: 'reset' }],
    ['a reset in place of the answer', { kind: 'lost answer' }],
    ['silence', { kind: 'silence' }],
  ]
  test.each(passing)('gets over %s in every call', async (_, fault) => {
    const storage = new RetryingStorage(storageAt(proxy.endpoint, { idleTimeout: 300 }), { base: 1 })
    await storage.save({ kind: 'config', name: '' }, [Buffer.from('x')])
    for (const method of ['PUT', 'GET', 'HEAD', 'DELETE']) proxy.inject({ method, times: 1, fault })
    await storage.save(pack, [bytes])
    expect(Buffer.from(await storage.load(pack)).equals(bytes)).toBe(true)
    proxy.inject({ method: 'GET', times: 1, fault })
    expect(await Array.fromAsync(storage.list('data'))).toEqual([{ name: pack.name, size: bytes.length }])
    expect(await storage.stat(pack)).toEqual({ size: bytes.length })
    await storage.remove(pack)
    expect(await storage.stat(pack)).toBeUndefined()
  })

  test('reads again what was cut in the middle', async () => {
    const storage = new RetryingStorage(storageAt(proxy.endpoint), { base: 1 })
    await storage.save(pack, [bytes])
    proxy.inject({ method: 'GET', times: 2, fault: { kind: 'cut body', after: 70_000 } })
    expect(Buffer.from(await storage.load(pack)).equals(bytes)).toBe(true)
  })

  test('waits for a slow answer', async () => {
    const storage = storageAt(proxy.endpoint)
    proxy.inject({ fault: { kind: 'delay', ms: 300 }, times: 2 })
    await storage.save(pack, [bytes])
    expect(await storage.stat(pack)).toEqual({ size: bytes.length })
  })

  test('says in the end what is wrong, and never that a file was saved', async () => {
    const storage = new RetryingStorage(storageAt(proxy.endpoint), { base: 1, attempts: 3 })
    await storage.save({ kind: 'config', name: '' }, [Buffer.from('x')])
    proxy.inject({ method: 'PUT', fault: { kind: 'status', status: 503, code: 'SlowDown' } })
    await expect(storage.save(pack, [bytes])).rejects.toMatchObject({ code: 'storage.unavailable', retryable: true })
    proxy.heal()
    expect(await storage.stat(pack)).toBeUndefined()
  })

  test('does not repeat what is refused', async () => {
    const storage = new RetryingStorage(storageAt(proxy.endpoint), { base: 1 })
    proxy.inject({ method: 'GET', fault: { kind: 'status', status: 403, code: 'AccessDenied' } })
    proxy.requests.length = 0
    await expect(storage.load(pack)).rejects.toMatchObject({ code: 'storage.denied' })
    expect(proxy.requests).toHaveLength(1)
  })

  test('sends a retention with everything but locks', async () => {
    const headers: Record<string, unknown>[] = []
    await using recorder = await recordingServer(headers)
    const storage = new S3Storage({
      bucket: 'b',
      endpoint: recorder.endpoint,
      credentials: server.credentials,
      retention: { mode: 'compliance', days: 30 },
      now: () => Date.UTC(2030, 0, 1),
    })
    await storage.save(pack, [bytes])
    await storage.save(namedFile('lock', bytes), [bytes])
    const puts = headers.filter((one) => one['content-length'] === String(bytes.length))
    expect(puts.map((one) => one['x-amz-object-lock-mode'])).toEqual(['COMPLIANCE', undefined])
    expect(puts[0]?.['x-amz-object-lock-retain-until-date']).toBe('2030-01-31T00:00:00Z')
    expect(puts[0]?.['x-amz-checksum-sha256']).toBe(Buffer.from(pack.name, 'hex').toString('base64'))
  })
})

describe('opening an S3 storage', () => {
  test('works by its address', async () => {
    const { bucket, endpoint, credentials } = server
    await using storage = await openStorage(`s3://${bucket}/by/address?endpoint=${encodeURIComponent(endpoint)}`, {
      credentials,
    })
    await storage.save({ kind: 'config', name: '' }, [Buffer.from('x')])
    expect(storage.properties.location).toBe(`s3:${endpoint}/${bucket}/by/address`)
  })

  test('says that there is no such bucket', async () => {
    const { endpoint, credentials } = server
    await expect(openStorage(`s3://nothere?endpoint=${endpoint}`, { credentials })).rejects.toThrow(/no such bucket/)
  })

  test.each(['SignatureDoesNotMatch', 'InvalidAccessKeyId', 'AccessDenied'])(
    'says that access is refused: %s',
    async (code) => {
      const { bucket, credentials } = server
      proxy.inject({ fault: { kind: 'status', status: 403, code } })
      await expect(openStorage(`s3://${bucket}?endpoint=${proxy.endpoint}`, { credentials })).rejects.toMatchObject({
        code: 'storage.denied',
      })
    },
  )

  test('says that nobody answers there', async () => {
    const { credentials } = server
    await expect(openStorage('s3://b?endpoint=http://127.0.0.1:9', { credentials })).rejects.toMatchObject({
      code: 'storage.unavailable',
    })
  })
})

/** Answers every PUT with 200 and keeps its headers; HEAD with 404. */
async function recordingServer(headers: Record<string, unknown>[]): Promise<{ endpoint: string } & AsyncDisposable> {
  const { createServer } = await import('node:http')
  const http = createServer((incoming, outgoing) => {
    if (incoming.method === 'PUT') headers.push(incoming.headers)
    incoming.resume().once('end', () => outgoing.writeHead(incoming.method === 'PUT' ? 200 : 404).end())
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const address = http.address()
  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}
