import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { PointId, RepositoryId, RunDetail, RunId, Task, TaskId, Vm, VmId } from '@nixen/api'
import { startToolstack, type Toolstack } from '@nixen/toolstack'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, signUp, temporaryState, testServer, type Browser } from './rig.ts'
import type { Server } from '../src/index.ts'

const run = promisify(execFile)
const state = await temporaryState()
const work = await temporaryState()
const password = 'a password of the repository'
let toolstack: Toolstack
let server: Server
let tab: Browser
let repository: RepositoryId
let vm: Vm

/** 24 MiB with some data and much nothing. */
function image(): Buffer {
  const bytes = Buffer.alloc(24 * 1024 * 1024)
  for (let at = 0; at < 6 * 1024 * 1024; at += 32)
    createHash('sha256')
      .update(String(at))
      .digest()
      .copy(bytes, at + 3 * 1024 * 1024)
  return bytes
}

beforeAll(async () => {
  await writeFile(join(work.path, 'disk.raw'), image())
  toolstack = await startToolstack({
    hosts: 2,
    vms: 4,
    waits: false,
    loginDelay: false,
    seed: 7,
    dataDir: join(work.path, 'toolstack'),
    images: [{ vm: 'web-prod-001', path: join(work.path, 'disk.raw') }],
    debugPort: 0,
  })
  server = await testServer(state.path)
  tab = await signUp(server)
  const { url: address, fingerprint = '' } = toolstack
  await tab.client.connection.add({ kind: 'xapi', address, username: 'root', password: 'nixen', fingerprint })
  vm = await eventually(async () => (await tab.client.vm.list({ q: 'name:web-prod-001' })).items[0])
  const networks = (await tab.client.network.list({ q: 'kind:external' })).items
  for (const { id } of networks) await ended((await tab.client.network.update({ id, nbd: 'tls' })).task)
  await mkdir(join(work.path, 'repository'))
  const made = await tab.client.repository.create({ name: 'NAS', location: join(work.path, 'repository'), password })
  repository = made.id
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await toolstack[Symbol.asyncDispose]()
  await state[Symbol.asyncDispose]()
  await work[Symbol.asyncDispose]()
})

async function endedRun(id: RunId): Promise<RunDetail> {
  return await eventually(async () => {
    const found = await tab.client.run.get({ id })
    return found.finished === undefined ? undefined : found
  }, 120_000)
}

async function ended(task: TaskId): Promise<Task> {
  return await eventually(async () => {
    const found = await tab.client.task.get({ id: task })
    return found.finished === undefined ? undefined : found
  }, 120_000)
}

async function snapshotsOnHost(): Promise<number> {
  return (await tab.client.snapshot.list({ limit: 1000 })).items.filter((one) => one.vm === vm.id).length
}

describe('a backup job', { timeout: 240_000 }, () => {
  test('reads everything first, then only what changed, and restic restores what it wrote', async () => {
    const { client } = tab
    const job = await client.job.create({
      name: 'Nightly',
      work: { kind: 'backup', repositories: [repository] },
      selection: { ids: [vm.id] },
      schedules: [{ name: 'nightly', cron: '0 2 * * *', keep: { last: 2 } }],
    })
    const stateNow = async (): Promise<Vm['protection']> => (await client.vm.get({ id: vm.id })).protection
    await expect.poll(stateNow, { timeout: 60_000 }).toEqual({ state: 'unprotected', job: job.id })
    const before = await snapshotsOnHost()
    const first = await endedRun((await client.job.run({ id: job.id, schedule: 'nightly' })).run)
    expect({ state: first.state, items: first.items.map(({ error, notes }) => ({ error, notes })) }).toMatchObject({
      state: 'succeeded',
    })
    expect(first.read).toBeGreaterThan(5_000_000)
    const second = await endedRun((await client.job.run({ id: job.id, schedule: 'nightly' })).run)
    expect({ state: second.state, notes: second.items[0]?.notes }).toEqual({ state: 'succeeded', notes: [] })
    expect(second.read).toBe(0)
    const third = await endedRun((await client.job.run({ id: job.id, schedule: 'nightly' })).run)
    expect(third.state).toBe('succeeded')
    // Nothing with data stays on the host, and the schedule keeps two.
    await eventually(async () => ((await snapshotsOnHost()) === before ? true : undefined))
    const { items } = await client.point.list({ q: 'name:web-prod-001' })
    expect(items).toHaveLength(2)
    expect(items[0]).toMatchObject({ repository, name: 'web-prod-001', job: `${job.id}/nightly` })

    await expect
      .poll(stateNow, { timeout: 60_000 })
      .toEqual({ state: 'protected', job: job.id, newest: items[0]?.time })
    expect((await client.vm.list({ q: 'protection:protected' })).items.map(({ id }) => id)).toEqual([vm.id])
    const metrics = await (await tab.fetch(`${server.url}metrics`)).text()
    expect(metrics).toMatch(/nixen_vm_protection\{[^}]*name="web-prod-001",state="protected"\} 1/)

    // What the next run builds on is on the host, and shown.
    const { items: left, unasked } = await client.point.leftovers({})
    expect(unasked).toEqual([])
    expect(left.filter(({ kept }) => !kept)).toEqual([])
    expect(left.filter(({ kind }) => kind === 'disk')).toMatchObject([{ kept: true, job: job.id }])

    const env = { ...process.env, RESTIC_PASSWORD: password, RESTIC_REPOSITORY: join(work.path, 'repository') }
    await run('restic', ['check', '--read-data', '--no-cache'], { env })
    await run('restic', ['restore', 'latest', '--no-cache', '--target', join(work.path, 'out')], { env })
    const detail = await client.point.get({ id: items[0]?.id as PointId })
    const [disk] = detail.disks
    const restored = await readFile(join(work.path, 'out', disk?.path ?? ''))
    expect(Buffer.compare(restored, image())).toBe(0)

    for (const format of ['raw', 'vhd', 'qcow2']) {
      const file = join(work.path, `download.${format}`)
      const answer = await tab.fetch(`${server.url}api/v1/points/${items[0]?.id}/download?format=${format}`)
      expect(answer.status).toBe(200)
      await writeFile(file, Buffer.from(await answer.arrayBuffer()))
      const kind = format === 'vhd' ? 'vpc' : format
      await run('qemu-img', ['compare', '-f', 'raw', '-F', kind, join(work.path, 'disk.raw'), file])
    }
    const wrong = await tab.fetch(`${server.url}api/v1/points/${items[0]?.id}/download?disk=/other.raw`)
    expect(await wrong.json()).toMatchObject({ error: { code: 'point.which_disk' } })
  })

  test('gives a VM back that is lost, and shows before what it will do', async () => {
    const { client } = tab
    const [point] = (await client.point.list({ q: 'name:web-prod-001', limit: 1 })).items
    if (!point) throw new Error('There is no restore point')
    const wish = { id: point.id, name: 'web again' }
    const plan = await client.point.restorePlan(wish)
    expect(plan).toMatchObject({ name: 'web again', problems: [] })
    expect(plan.disks).toHaveLength(1)
    const done = await ended((await client.point.restore(wish)).task)
    expect({ state: done.state, error: done.error }).toEqual({ state: 'succeeded', error: undefined })
    const [id] = done.made as readonly VmId[]
    if (id === undefined) throw new Error('No VM was made')
    const found = await eventually(async () => {
      const one = await client.vm.get({ id }).catch(() => undefined)
      return one?.name === 'web again' ? one : undefined
    })
    expect(found).toMatchObject({ power: 'halted', vcpus: vm.vcpus })
    // Backed up again it is another VM, whose content the repository has already.
    const job = await client.job.create({
      name: 'Once',
      work: { kind: 'backup', repositories: [repository] },
      selection: { ids: [id] },
    })
    const again = await endedRun((await client.job.run({ id: job.id })).run)
    expect(again.state).toBe('succeeded')
    expect(again.written).toBeLessThan(1_000_000)
    const [newest] = (await client.point.list({ q: 'name:"web again"' })).items
    const env = { ...process.env, RESTIC_PASSWORD: password, RESTIC_REPOSITORY: join(work.path, 'repository') }
    const snapshot = newest?.id.split('.')[1] ?? ''
    await run('restic', ['restore', snapshot, '--no-cache', '--target', join(work.path, 'out2')], { env })
    const detail = await client.point.get({ id: newest?.id as PointId })
    expect(Buffer.compare(await readFile(join(work.path, 'out2', detail.disks[0]?.path ?? '')), image())).toBe(0)
  })

  test('fails with the reason when its repository is gone, leaves nothing on the host, and the next run is good', async () => {
    const { client } = tab
    await mkdir(join(work.path, 'other'))
    const other = await client.repository.create({ name: 'Attic', location: join(work.path, 'other'), password })
    const job = await client.job.create({
      name: 'Two places',
      work: { kind: 'backup', repositories: [repository, other.id] },
      selection: { ids: [vm.id] },
    })
    const before = await snapshotsOnHost()
    await run('mv', [join(work.path, 'other'), join(work.path, 'moved')])
    const bad = await endedRun((await client.job.run({ id: job.id })).run)
    expect(bad).toMatchObject({ state: 'failed', failed: 1 })
    expect(bad.items[0]?.error?.code).toMatch(/^repository\./)
    await eventually(async () => ((await snapshotsOnHost()) === before ? true : undefined))
    await run('mv', [join(work.path, 'moved'), join(work.path, 'other')])
    const good = await endedRun((await client.job.run({ id: job.id })).run)
    expect({ state: good.state, error: good.items[0]?.error }).toEqual({ state: 'succeeded', error: undefined })
    expect((await client.point.list({ q: 'repository:Attic' })).items).toHaveLength(1)
  })

  test('that is deleted leaves nothing on the hosts that no other job builds on', async () => {
    const { client } = tab
    const disks = async () => (await client.point.leftovers({})).items.filter(({ kind }) => kind === 'disk')
    expect((await disks()).length).toBeGreaterThan(0)
    for (const { id } of (await client.job.list({})).items) await client.job.remove({ id })
    await eventually(async () => ((await disks()).length === 0 ? true : undefined), 30_000)
    // What is stored stays.
    expect((await client.point.list({ q: 'repository:NAS' })).items.length).toBeGreaterThan(0)
  })
})
