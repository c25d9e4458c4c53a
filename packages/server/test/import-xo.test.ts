import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Task, TaskId, VmId } from '@nixen/api'
import { executeConversion, openStorage, planConversion, Repository, XoStore } from '@nixen/backup'
import { silentLog } from '@nixen/core'
import { startToolstack } from '@nixen/toolstack'
import { expect, test } from 'vitest'
import { XoWriter } from '../../backup/test/xo-writer.ts'
import { eventually, signUp, temporaryState, testServer } from './rig.ts'

const password = 'a password of the repository'

// Processes are started, on machines that do other things too.
test('a VM that Xen Orchestra backed up is restored to a pool with the same bytes', { timeout: 240_000 }, async () => {
  await using work = await temporaryState()
  await using state = await temporaryState()
  const xo = new XoWriter({ root: join(work.path, 'xo'), compression: 'brotli' })
  await xo.init()
  const bytes = Buffer.alloc(12 * 1024 * 1024)
  bytes.fill('a disk of a VM ', 1_000_000, 7_000_000)
  await xo.delta(bytes)
  bytes.fill('what changed ', 5_000_000, 5_600_000)
  await xo.delta(bytes)
  const location = join(work.path, 'repository')
  await mkdir(location)
  await convert({ from: join(work.path, 'xo'), location, work: work.path })

  await using toolstack = await startToolstack({ hosts: 1, vms: 2, waits: false, loginDelay: false, seed: 7 })
  await using server = await testServer(state.path)
  const { client, fetch: send } = await signUp(server)
  const { url: address, fingerprint = '' } = toolstack
  const connection = await client.connection.add({
    kind: 'xapi',
    address,
    username: 'root',
    password: 'nixen',
    fingerprint,
  })
  const storage = await eventually(async () => (await client.storage.list({ q: 'name:Local*' })).items[0], 60_000)
  await client.repository.create({ name: 'NAS', location, password, mode: 'existing' })
  const [point] = await eventually(async () => {
    const { items } = await client.point.list({ q: 'name:web-01' })
    return items.length === 2 ? items : undefined
  }, 60_000)
  expect(point).toMatchObject({ uuid: xo.vm, disks: 1, tags: ['xen-orchestra'] })

  const wish = {
    id: point!.id,
    name: 'web back',
    connection: connection.id,
    storage: storage.id,
    networkOf: { 'net-1': null },
  }
  const plan = await client.point.restorePlan(wish)
  expect(plan).toMatchObject({ name: 'web back', problems: [] })
  const ended = async (task: TaskId): Promise<Task> =>
    await eventually(async () => {
      const found = await client.task.get({ id: task })
      return found.finished === undefined ? undefined : found
    }, 120_000)
  const done = await ended((await client.point.restore(wish)).task)
  expect({ state: done.state, error: done.error }).toEqual({ state: 'succeeded', error: undefined })
  const [id] = done.made as readonly VmId[]
  const vm = await eventually(async () => await client.vm.get({ id: id! }).catch(() => undefined), 30_000)
  expect(vm).toMatchObject({ name: 'web back', vcpus: 2, power: 'halted' })
  const disk = await eventually(async () => (await client.disk.list({ q: 'name:root', limit: 1 })).items[0], 30_000)
  const answer = await send(`${server.url}api/v1/disks/${disk.id}/export?format=raw`)
  expect(answer.status).toBe(200)
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true)
})

async function convert({
  from,
  location,
  work,
}: {
  readonly from: string
  readonly location: string
  readonly work: string
}): Promise<void> {
  await using storage = await openStorage(location, { log: silentLog })
  const repository = await Repository.init(storage, { password })
  const store = await XoStore.open(from)
  const plan = await planConversion(store, repository)
  expect((await executeConversion(store, repository, { plan, work, workers: 1 })).failed).toEqual([])
}
