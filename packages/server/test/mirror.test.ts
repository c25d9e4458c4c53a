import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobId, RepositoryId, RunDetail } from '@nixen/api'
import { backupDisks, openStorage, Repository } from '@nixen/backup'
import { silentLog } from '@nixen/core'
import { openDisk } from '@nixen/disk'
import { restic } from '@nixen/testkit/restic'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Server } from '../src/index.ts'
import { eventually, signUp, temporaryState, testServer, type Browser } from './rig.ts'

const password = 'a password of the repository'
const state = await temporaryState()
const work = await temporaryState()
const day = 24 * 3600_000
let server: Server
let tab: Browser
let near: RepositoryId
let far: RepositoryId

/** Three points of one VM and two of another. */
beforeAll(async () => {
  const location = join(work.path, 'near')
  await mkdir(location)
  await using storage = await openStorage(location, { log: silentLog })
  const repository = await Repository.init(storage, { password })
  for (const [name, count] of [
    ['web-01', 3],
    ['db-01', 2],
  ] as const) {
    for (let index = 0; index < count; index++) {
      const path = join(work.path, 'disk.raw')
      await writeFile(path, Buffer.alloc(2 * 1024 * 1024, `${name} ${index} `))
      await using image = await openDisk(path, { format: 'raw' })
      const time = Date.UTC(2026, 0, 1) + index * day
      await backupDisks(repository, {
        host: name,
        vm: { name },
        disks: [{ name: 'root', source: image }],
        time,
        workers: 1,
      })
    }
  }
  server = await testServer(state.path)
  tab = await signUp(server)
  near = (await tab.client.repository.create({ name: 'Near', location, password, mode: 'existing' })).id
  await mkdir(join(work.path, 'far'))
  far = (await tab.client.repository.create({ name: 'Far', location: join(work.path, 'far'), password })).id
}, 120_000)
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await state[Symbol.asyncDispose]()
  await work[Symbol.asyncDispose]()
})

async function runNow(job: JobId): Promise<RunDetail> {
  const { run } = await tab.client.job.run({ id: job })
  return await eventually(async () => {
    const found = await tab.client.run.get({ id: run })
    return found.finished === undefined ? undefined : found
  }, 60_000)
}

async function namesIn(repository: RepositoryId): Promise<string[]> {
  const { items } = await tab.client.point.list({ q: `repository:${repository}`, limit: 100 })
  return items.map(({ name, time }) => `${name} ${new Date(time).getUTCDate()}`).toSorted()
}

// Processes are started, on machines that do other things too.
describe('mirrors of repositories', { timeout: 120_000 }, () => {
  test('a job copies what a query finds, keeps it by its own rules, and restic reads it', async () => {
    const job = await tab.client.job.create({
      name: 'Far away',
      work: { kind: 'mirror', from: near, to: [far], q: 'name:web-*', keep: { last: 2 } },
    })
    const run = await runNow(job.id)
    expect(run.items).toMatchObject([{ name: 'Far', state: 'succeeded' }])
    expect(run.items[0]?.id).toBeUndefined()
    expect(await namesIn(far)).toEqual(['web-01 2', 'web-01 3'])
    const checked = await restic(join(work.path, 'far'), ['check', '--read-data'], { password })
    expect(checked).toMatchObject({ code: 0 })
    expect((await runNow(job.id)).items[0]?.read).toBe(0)
  })

  test('a job runs after another one has ended well', async () => {
    const none = { kind: 'mirror' as const, from: near, to: [far], q: 'name:none' }
    const first = await tab.client.job.create({ name: 'Nothing', work: none })
    const second = await tab.client.job.create({
      name: 'All of it',
      work: { kind: 'mirror', from: near, to: [far] },
      after: [{ job: first.id }],
    })
    await runNow(first.id)
    const [followed] = await eventually(async () => {
      const { items } = await tab.client.run.list({ job: second.id })
      return items[0]?.finished === undefined ? undefined : items
    }, 60_000)
    expect(followed).toMatchObject({ trigger: 'sequence', state: 'succeeded' })
    expect(await namesIn(far)).toEqual(['db-01 1', 'db-01 2', 'web-01 1', 'web-01 2', 'web-01 3'])
  })

  test('jobs that would follow each other for ever are refused', async () => {
    const mirror = { kind: 'mirror' as const, from: near, to: [far], q: 'name:none' }
    const one = await tab.client.job.create({ name: 'One', work: mirror })
    const two = await tab.client.job.create({ name: 'Two', work: mirror, after: [{ job: one.id }] })
    const circle = tab.client.job.update({ id: one.id, name: 'One', work: mirror, after: [{ job: two.id, on: 'end' }] })
    await expect(circle).rejects.toThrow('it would run after itself')
  })

  test('a mirror to itself is refused', async () => {
    const made = tab.client.job.create({ name: 'Itself', work: { kind: 'mirror', from: near, to: [near] } })
    await expect(made).rejects.toThrow('copied to itself')
  })
})
