import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RepositoryId, Task, TaskRef } from '@nixen/api'
import { MiB, silentLog } from '@nixen/core'
import { restic } from '@nixen/testkit/restic'
import { startS3Server } from '@nixen/testkit/s3-server'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WorkerPool } from '../src/worker/worker-pool.ts'
import { admin, logIn, signUp, temporaryState, testServer, type Browser } from './rig.ts'

const password = 'correct horse battery'
/** Many processes are started, on machines that do other things too. */
const timeout = 180_000
let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixen-repository-'))
})
afterEach(async () => await rm(folder, { recursive: true, force: true }))

/** Waits for the end of a task. */
async function done({ client }: Pick<Browser, 'client'>, { task }: TaskRef): Promise<Task> {
  let found = await client.task.get({ id: task })
  await expect
    .poll(async () => (found = await client.task.get({ id: task })).finished, { timeout: 120_000 })
    .toBeDefined()
  return found
}

/** A restore point that somebody else makes there, with a process of their own. */
async function backUp(
  location: string,
  name: string,
  options: { readonly tags?: string[]; readonly ip?: string } = {},
) {
  await using pool = new WorkerPool({ log: silentLog })
  const path = join(folder, `${name}.raw`)
  await writeFile(path, randomBytes(2 * MiB))
  return await pool.run(
    'backup',
    { key: 'x', name: 'x', access: { location, password } },
    {
      name,
      path: `/vm/${name}`,
      vm: { name },
      tags: options.tags ?? [],
      facts: { uuid: `uuid-${name}`, ...(options.ip === undefined ? {} : { ips: [options.ip] }) },
      disks: [{ name: 'root', source: { kind: 'image', path, format: 'raw' } }],
      threads: 1,
    },
  )
}

test(
  'a repository is tried, made, filled, listed, checked, pruned and forgotten; its data stays',
  { timeout },
  async () => {
    await using state = await temporaryState()
    await using server = await testServer(state.path)
    const tab = await signUp(server)
    const { client } = tab
    const location = join(folder, 'vms')
    expect(await client.repository.test({ location })).toMatchObject({
      repository: false,
      write: 'allowed',
      remove: 'allowed',
    })
    await expect(client.repository.create({ name: 'nas', location, password, mode: 'existing' })).rejects.toMatchObject(
      {
        code: 'repository.not_a_repository',
      },
    )
    await expect(client.repository.create({ name: 'nas', location: 'vms', password })).rejects.toMatchObject({
      code: 'repository.bad_location',
    })
    const { id } = await client.repository.create({ name: 'nas', location, password })
    await expect(
      client.repository.create({ name: 'NAS', location: join(folder, 'b'), password }),
    ).rejects.toMatchObject({
      code: 'repository.name_taken',
    })
    await expect(
      client.repository.create({ name: 'other', location, password, mode: 'existing' }),
    ).rejects.toMatchObject({ code: 'repository.known_already' })
    expect(await client.repository.get({ id })).toMatchObject({ state: 'ready', points: 0, type: 'local', format: 2 })

    const web = await backUp(location, 'web-01', { tags: ['prod'], ip: '10.0.0.5' })
    await backUp(location, 'web-01', { tags: ['prod'], ip: '10.0.0.5' })
    await backUp(location, 'db-01')
    await restic(location, ['tag', '--add', 'kept', '--host', 'db-01'], { password })
    expect(await done(tab, await client.repository.refresh({ id }))).toMatchObject({ state: 'succeeded' })
    expect(await client.repository.get({ id })).toMatchObject({ points: 3, vms: 2, usage: { unused: 0 } })
    const names = async (q: string) => (await client.point.list({ q })).items.map(({ name }) => name)
    expect(await names('')).toEqual(['db-01', 'web-01', 'web-01'])
    expect(await names('web')).toEqual(['web-01', 'web-01'])
    expect(await names('ip:10.0.0.5 tag:prod repository:nas time:<1d')).toHaveLength(2)
    expect(await names('uuid:uuid-db-01')).toEqual(['db-01'])
    expect(await names('tag:kept')).toEqual(['db-01'])
    expect(await names('time:<2020-01-01')).toEqual([])
    const [db] = (await client.point.list({ q: 'db' })).items
    if (!db) throw new Error('there is no point')
    expect(await client.point.get({ id: db.id })).toMatchObject({
      vm: { name: 'db-01' },
      disks: [{ path: '/disk-root.raw', size: 2 * MiB }],
      files: [],
    })
    const stats = await client.repository.stats({ id })
    expect(stats.items.map(({ name, points }) => [name, points])).toEqual([
      ['web-01', 2],
      ['db-01', 1],
    ])

    const preview = await client.repository.forget({ id, keep: { last: 1 } })
    expect(preview.forget.map(({ point }) => point.id)).toEqual([`${id}.${web.point.snapshot}`])
    expect((await client.repository.forget({ id, keep: { last: 1 }, execute: true })).forgotten).toBe(1)
    expect(await names('')).toHaveLength(2)
    expect(await client.repository.prunePreview({ id })).toMatchObject({ remove: expect.any(Number) })
    expect(await done(tab, await client.repository.prune({ id }))).toMatchObject({ state: 'succeeded' })
    expect(await done(tab, await client.repository.check({ id, read: 'all' }))).toMatchObject({ state: 'succeeded' })
    expect(await client.repository.get({ id })).toMatchObject({
      lastCheck: { ok: true, findings: 0 },
      lastPrune: { freed: expect.any(Number) },
    })
    await expect(client.repository.check({ id, read: 'some' })).rejects.toMatchObject({ code: 'request.invalid' })

    // Somebody else forgets with restic: seen at the next look, and until then said when it is asked for.
    await restic(location, ['forget', db.id.split('.')[1] ?? ''], { password })
    await expect(client.point.get({ id: db.id })).rejects.toMatchObject({ code: 'point.gone' })
    expect(await names('')).toEqual(['web-01'])

    const sheet = await client.repository.recoverySheet({ id })
    expect(sheet.text).toContain(`export RESTIC_REPOSITORY='${location}'`)
    expect(sheet.text).not.toContain(password)
    expect((await client.repository.recoverySheet({ id, withPassword: true })).text).toContain(password)
    await client.repository.remove({ id })
    expect((await client.point.list()).total).toBe(0)
    expect((await restic(location, ['check', '--read-data'], { password })).code).toBe(0)
    const audit = JSON.stringify(await client.audit.list())
    expect(audit).toContain('repository.recovery-sheet')
    expect(audit).not.toContain(password)
  },
)

test(
  'a server that starts again knows its repositories and points, and says when one cannot be reached',
  { timeout },
  async () => {
    await using state = await temporaryState()
    const location = join(folder, 'vms')
    let id: RepositoryId
    {
      await using server = await testServer(state.path)
      const { client } = await signUp(server)
      ;({ id } = await client.repository.create({ name: 'nas', location, password }))
      await backUp(location, 'web-01')
      await done({ client }, await client.repository.refresh({ id }))
      expect(existsSync(join(state.path, 'cache', 'points.sqlite'))).toBe(true)
    }
    expect((await readFile(join(state.path, 'db.sqlite'))).includes(password)).toBe(false)
    // The disk is not mounted: an empty folder in its place.
    await rm(join(folder, 'elsewhere'), { recursive: true, force: true })
    await rename(location, join(folder, 'elsewhere'))
    await mkdir(location)
    await using server = await testServer(state.path)
    const { client } = await logIn(server, admin)
    expect((await client.point.list()).total).toBe(1)
    await expect.poll(async () => (await client.repository.get({ id })).state, { timeout: 60_000 }).toBe('failed')
    const found = await client.repository.get({ id })
    expect(found.error).toMatchObject({ code: 'repository.not_a_repository' })
    // What is known of it stays.
    expect((await client.point.list()).total).toBe(1)
    await rm(location, { recursive: true })
    await rename(join(folder, 'elsewhere'), location)
    const tab = { client }
    await done(tab, await client.repository.refresh({ id }))
    expect(await client.repository.get({ id })).toMatchObject({ state: 'ready', points: 1 })

    const { items } = await client.repository.keys({ id })
    expect(items).toMatchObject([{ current: true }])
    await client.repository.setPassword({ id, password: 'another one' })
    expect((await client.repository.keys({ id })).items).toHaveLength(1)
    expect((await restic(location, ['snapshots'], { password })).code).not.toBe(0)
    expect((await restic(location, ['snapshots'], { password: 'another one' })).code).toBe(0)
    const second = await client.repository.addKey({ id, password })
    await client.repository.removeKey({ id, name: second.name.slice(0, 8) })
    await expect(client.repository.update({ id, password: 'wrong' })).rejects.toMatchObject({
      code: 'repository.wrong_password',
    })
    const changed = await client.repository.update({ id, name: 'basement', upload: 10 * MiB })
    expect(changed).toMatchObject({ name: 'basement', upload: 10 * MiB })
    expect(await client.repository.locks({ id })).toEqual({ items: [] })
  },
)

test('a repository in S3 is made with its credentials, and restic reads it', { timeout }, async () => {
  await using s3 = await startS3Server()
  await using state = await temporaryState()
  await using server = await testServer(state.path)
  const tab = await signUp(server)
  const location = `s3://${s3.bucket}/vms?endpoint=${s3.endpoint}`
  const { accessKeyId, secretAccessKey } = s3.credentials
  const { client } = tab
  await expect(client.repository.create({ name: 's3', location, password, accessKeyId })).rejects.toMatchObject({
    code: 'request.invalid',
  })
  const { id } = await client.repository.create({ name: 's3', location, password, accessKeyId, secretAccessKey })
  expect(await client.repository.benchmark({ id })).toMatchObject({ connections: expect.any(Number) })
  expect(await done(tab, await client.repository.check({ id }))).toMatchObject({ state: 'succeeded' })
  const shown = JSON.stringify(await client.repository.get({ id }))
  expect(shown).not.toContain('secretAccessKey')
  const environment = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
  const sheet = await client.repository.recoverySheet({ id })
  const address = /export RESTIC_REPOSITORY='([^']+)'/.exec(sheet.text)?.[1] ?? ''
  expect(await restic(address, ['snapshots'], { password, environment })).toMatchObject({ code: 0 })
})
