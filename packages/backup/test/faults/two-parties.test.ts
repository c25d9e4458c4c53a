import { spawn, type ChildProcess } from 'node:child_process'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startS3Server } from '@nixen/testkit/s3-server'
import { startFaultProxy } from '@nixen/testkit/s3-proxy'
import { restic } from '@nixen/testkit/restic'
import { makeRepository, openRepository, testPassword } from '@nixen/testkit/restic-fixture'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listSnapshots, LocalStorage, lockRepository, openStorage } from '../../src/index.ts'
import { diskOn, faultsOf, operate } from './example.ts'

// Two processes on one repository: Nixen and Nixen, Nixen and restic.

const root = await mkdtemp(path.join(tmpdir(), 'nixen-two-'))
const example = path.join(root, 'example')
const image = path.join(root, 'image.raw')
afterAll(() => rm(root, { recursive: true, force: true }))

beforeAll(async () => {
  const repository = await makeRepository(new LocalStorage(example))
  for (const day of [1, 2, 3, 4]) await operate('backup', { repository }, day)
  await operate('forget', { repository }, 0)
  await writeFile(image, diskOn(9))
})

async function copyOfExample(name: string): Promise<{ directory: string; storage: LocalStorage }> {
  const directory = path.join(root, name)
  await cp(example, directory, { recursive: true })
  return { directory, storage: new LocalStorage(directory) }
}

function child(operation: string, directory: string, day: number): { process: ChildProcess; ended: Promise<string> } {
  const script = path.join(import.meta.dirname, 'child.ts')
  const started = spawn(process.execPath, [script, operation, directory, directory, String(day)])
  let output = ''
  for (const stream of [started.stdout, started.stderr])
    stream.on('data', (text: Buffer) => (output += text.toString()))
  return { process: started, ended: new Promise((resolve) => started.once('close', () => resolve(output))) }
}

test('a prune waits for nobody and harms nobody: one of backup and prune is refused, or they come one after the other', async () => {
  const { directory, storage } = await copyOfExample('both')
  const ended = await Promise.all(
    [child('backup', directory, 5), child('prune', directory, 0), child('backup', directory, 6)].map(
      ({ ended }) => ended,
    ),
  )
  for (const output of ended) expect(output).toMatch(/done|backup\.repository_locked/)
  expect(await faultsOf(storage, [2, 3, 4])).toEqual([])
  expect(await restic(directory, ['check', '--read-data'])).toMatchObject({ code: 0 })
})

test('restic does not prune while Nixen backs up, nor Nixen while restic holds its lock', async () => {
  const { directory, storage } = await copyOfExample('locks')
  const repository = await openRepository(storage)
  {
    await using _backup = await lockRepository(repository)
    const theirs = await restic(directory, ['prune'])
    expect(theirs.code).not.toBe(0)
    expect(theirs.stderr).toMatch(/locked/)
  }
  {
    await using _prune = await lockRepository(repository, { exclusive: true })
    const theirs = await restic(directory, ['backup', image])
    expect(theirs.code).not.toBe(0)
    expect(theirs.stderr).toMatch(/locked exclusively/)
  }
  expect(await restic(directory, ['backup', image])).toMatchObject({ code: 0 })
})

test('restic and Nixen back up at the same time', async () => {
  const { directory, storage } = await copyOfExample('together')
  const [theirs] = await Promise.all([
    restic(directory, ['backup', image, '--host', 'by-restic']),
    operate('backup', { repository: await openRepository(storage) }, 5),
  ])
  expect(theirs).toMatchObject({ code: 0 })
  expect(await restic(directory, ['check', '--read-data'])).toMatchObject({ code: 0 })
  const points = await listSnapshots(await openRepository(storage))
  expect(points.map(({ hostname }) => hostname)).toContain('by-restic')
  // restic prunes what both wrote, and nothing of ours is lost.
  expect(await restic(directory, ['forget', '--keep-last', '2', '--group-by', 'host', '--prune'])).toMatchObject({
    code: 0,
  })
  await operate('prune', { repository: await openRepository(storage) }, 0)
  expect(await restic(directory, ['check', '--read-data'])).toMatchObject({ code: 0 })
})

test('on S3 that fails now and then, all operations end well, and restic reads what they left', async () => {
  await using server = await startS3Server()
  await using proxy = await startFaultProxy(server.endpoint)
  const url = (prefix: string): string =>
    `s3://${server.bucket}/${prefix}?endpoint=${encodeURIComponent(proxy.endpoint)}`
  const { credentials } = server
  const [storage, mirrorStorage] = [
    await openStorage(url('vms'), { credentials }),
    await openStorage(url('mirror'), { credentials }),
  ]
  const [repository, mirror] = [await makeRepository(storage), await makeRepository(mirrorStorage)]
  proxy.inject({ skip: 3, times: 1, fault: { kind: 'status', status: 503, code: 'SlowDown' } })
  for (const [skip, fault] of [
    [5, { kind: 'status', status: 500, code: 'InternalError' }],
    [11, { kind: 'reset' }],
    [17, { kind: 'lost answer' }],
    [23, { kind: 'cut body', after: 50 }],
  ] as const) {
    for (let more = 0; more < 3; more++) proxy.inject({ skip: skip + more * 25, times: 1, fault })
  }
  for (const day of [1, 2, 3, 4]) await operate('backup', { repository, mirror }, day)
  await operate('forget', { repository }, 0)
  await operate('copy', { repository, mirror }, 0)
  await operate('prune', { repository }, 0)
  expect(await faultsOf(storage, [2, 3, 4])).toEqual([])
  expect(await faultsOf(mirrorStorage, [2, 3, 4])).toEqual([])
  proxy.heal()
  const environment = { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey }
  const check = await restic(`s3:${server.endpoint}/${server.bucket}/vms`, ['check', '--read-data', '--no-lock'], {
    password: testPassword,
    environment,
  })
  expect(check.stdout + check.stderr).toContain('no errors were found')
})
