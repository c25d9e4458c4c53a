import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { JobId, RunDetail } from '@nixen/api'
import { startToolstack } from '@nixen/toolstack'
import { expect, test } from 'vitest'
import { restoreState } from '../src/state/backup.ts'
import { eventually, signUp, temporaryState, testServer } from './rig.ts'

const run = promisify(execFile)

test('a metadata job stores databases of pools and the own state, and restic alone gets both back', async () => {
  await using state = await temporaryState()
  await using work = await temporaryState()
  await using toolstack = await startToolstack({ vms: 3, waits: false, loginDelay: false })
  await using server = await testServer(state.path)
  const { client } = await signUp(server)
  const { url: address, fingerprint = '' } = toolstack
  await client.connection.add({ kind: 'xapi', address, username: 'root', password: 'nixen', fingerprint })
  await eventually(async () => (await client.pool.list({})).items[0])
  const place = join(work.path, 'repository')
  await mkdir(place)
  const password = 'a password of the repository'
  const { id } = await client.repository.create({ name: 'NAS', location: place, password })

  await expect(
    client.job.create({ name: 'Nothing', work: { kind: 'metadata', repositories: [id], pools: false, own: false } }),
  ).rejects.toMatchObject({ code: 'job.unsupported' })
  const job = await client.job.create({
    name: 'Metadata',
    work: { kind: 'metadata', repositories: [id] },
    selection: { q: 'name:*' },
    schedules: [{ name: 'daily', cron: '0 1 * * *', keep: { last: 1 } }],
  })
  const go = async (job: JobId): Promise<RunDetail> => {
    const begun = await client.job.run({ id: job, schedule: 'daily' })
    return await eventually(async () => {
      const found = await client.run.get({ id: begun.run })
      return found.finished === undefined ? undefined : found
    }, 60_000)
  }
  for (const _ of [1, 2]) {
    const done = await go(job.id)
    expect({ state: done.state, errors: done.items.map(({ error }) => error) }).toEqual({
      state: 'succeeded',
      errors: [undefined],
    })
  }
  // One of the pool and one of Nixen: the schedule keeps one of each.
  expect((await client.point.list({})).items.map(({ path }) => path.replace(/-.*/, '')).toSorted()).toEqual([
    '/nixen',
    '/pool',
  ])

  const env = { ...process.env, RESTIC_PASSWORD: password, RESTIC_REPOSITORY: place }
  const dump = async (host: string, file: string): Promise<Buffer> => {
    const options = { env, encoding: 'buffer', maxBuffer: 1e9 } as const
    return (await run('restic', ['dump', '--no-cache', '--host', host, 'latest', file], options)).stdout
  }
  const { name = '' } = (await client.pool.list({})).items[0] ?? {}
  expect((await dump(name, '/pool-database.xml')).toString()).toMatch(/^<\?xml[^]*<database>[^]*name_label/)
  await writeFile(join(work.path, 'state.tar'), await dump('nixen', '/nixen-state.tar'))
  await run('tar', ['xf', 'state.tar'], { cwd: work.path })
  await restoreState(join(work.path, 'nixen-state'), join(work.path, 'again'))
  await using again = await testServer(join(work.path, 'again'))
  expect(again.setUpUrl).toBeUndefined()
}, 180_000)
