import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readdir, unlink, writeFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Point, Vm } from '@nixen/api'
import { onPool, password, proveWorld, type ProveWorld } from './prove-world.ts'
import { eventually, signUp, temporaryState, testServer } from './rig.ts'

let world: ProveWorld
let point: Point
let before: Awaited<ReturnType<typeof onPool>>

beforeAll(async () => {
  world = await proveWorld()
  point = await world.backUp()
  before = await onPool(world)
}, 120_000)
afterAll(async () => await world[Symbol.asyncDispose]())

const agent = {
  PV_drivers_version: { major: '7' },
  os_version: { name: 'Debian 12' },
  networks: { '0/ip': '10.9.9.9' },
}

/** The VM of the check that goes on, when it runs. */
async function checked(): Promise<Vm> {
  const { client } = world.tab
  return await eventually(async () => {
    const [found] = (await client.vm.list({ q: 'tag:nixen:health-check power:running' })).items
    return found
  }, 30_000)
}

async function nothingLeft(): Promise<void> {
  await expect.poll(async () => await onPool(world), { timeout: 30_000 }).toEqual(before)
  expect((await world.tab.client.point.leftovers({})).items.filter(({ kept }) => !kept)).toEqual([])
}

describe('a health check by hand', { timeout: 240_000 }, () => {
  test('starts the VM where it reaches nothing, finds it good by its agent, and keeps the result with the point', async () => {
    const { client } = world.tab
    const { task } = await client.point.verify({ id: point.id, settle: 100 })
    const vm = await checked()
    const networks = (await client.network.list({ q: 'name:"Health check"' })).items
    expect(networks).toMatchObject([{ kind: 'internal' }])
    const nics = (await client.nic.list({ limit: 1000 })).items.filter((nic) => 'vm' in nic && nic.vm === vm.id)
    expect(nics.map(({ network }) => network)).toEqual(nics.map(() => networks[0]?.id))
    await world.guest(vm.id.split('.')[2] ?? '', agent)
    expect(await world.ended(task)).toMatchObject({ state: 'succeeded' })
    await nothingLeft()

    const { items } = await client.point.checks({ id: point.id })
    expect(items).toMatchObject([
      {
        state: 'passed',
        by: 'ada',
        demand: 'agent',
        os: 'Debian 12',
        ips: expect.arrayContaining(['10.9.9.9']),
        picture: true,
      },
    ])
    const [check] = items
    expect(await client.point.get({ id: point.id })).toMatchObject({
      point: { check: 'passed', verified: check?.time },
    })
    expect((await client.point.list({ q: 'verified:<1d' })).items).toHaveLength(1)
    const picture = await world.tab.fetch(`${world.server.url}api/v1/points/${point.id}/checks/${check?.id}/picture`)
    expect(picture.headers.get('content-type')).toBe('image/png')
    expect(
      Buffer.from(await picture.arrayBuffer())
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG')
    const protection = async () => (await client.vm.get({ id: world.vm.id })).protection?.verified
    await expect.poll(protection, { timeout: 30_000 }).toBe(check?.time)
    // What an alert asks for: VMs that were not proved for so long.
    const proved = (await client.vm.list({ q: 'protection.verified:<30d' })).items
    expect(proved.map(({ id }) => id)).toEqual([world.vm.id])
    expect(await (await world.tab.fetch(`${world.server.url}metrics`)).text()).toMatch(
      /nixen_vm_verified_seconds\{[^}]*name="web-prod-001"\} \d+/,
    )
  })

  test('of a guest that never boots fails with a sentence and a picture, and leaves nothing', async () => {
    const { client } = world.tab
    const { task } = await client.point.verify({ id: point.id, settle: 60_000, patience: 6000 })
    const vm = await checked()
    // As if there were no agent.
    await world.guest(vm.id.split('.')[2] ?? '', {
      PV_drivers_version: { major: null, minor: null, micro: null, build: null },
    })
    const ended = await world.ended(task)
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'verify.failed' } })
    expect(ended.error?.message).toMatch(/no sign of the guest agent within 6 s.*may not have booted/)
    await nothingLeft()
    const { items } = await client.point.checks({ id: point.id })
    expect(items).toMatchObject([{ state: 'failed', picture: true }, { state: 'passed' }])
    // It was good once; that it failed later is what counts now.
    expect(await client.point.get({ id: point.id })).toMatchObject({ point: { check: 'failed' } })
  })

  test('of a guest that stops by itself fails', async () => {
    const { client } = world.tab
    const { task } = await client.point.verify({ id: point.id, demand: 'running', settle: 60_000 })
    const vm = await checked()
    await world.tab.client.vm.hardShutdown({ id: vm.id })
    expect((await world.ended(task)).error?.message).toMatch(/The machine is halted/)
    await nothingLeft()
  })

  test('that is cancelled leaves nothing, and says nothing about the point', async () => {
    const { client } = world.tab
    const count = (await client.point.checks({ id: point.id })).items.length
    const { task } = await client.point.verify({ id: point.id })
    await checked()
    await client.task.cancel({ id: task })
    expect((await world.ended(task)).state).toBe('cancelled')
    await nothingLeft()
    expect((await client.point.checks({ id: point.id })).items).toHaveLength(count)
  })

  test('is seen by a new Nixen that gets the repository', async () => {
    await using state = await temporaryState()
    await using server = await testServer(state.path)
    const tab = await signUp(server)
    await tab.client.repository.create({ name: 'Found', location: world.location, password, mode: 'existing' })
    const other = await eventually(async () => {
      const [found] = (await tab.client.point.list({ q: 'has:check' })).items
      return found
    })
    const mine = (await world.tab.client.point.checks({ id: point.id })).items
    const theirs = (await tab.client.point.checks({ id: other.id })).items
    expect(theirs.map(({ id, state: how }) => ({ id, how }))).toEqual(mine.map(({ id, state: how }) => ({ id, how })))
  })
})

describe('a job that checks', { timeout: 240_000 }, () => {
  test('takes the VMs whose turn it is, and next time finds none', async () => {
    const { client } = world.tab
    await world.backUp()
    const job = await client.job.create({
      name: 'Prove',
      work: { kind: 'verify', settle: 0, demand: 'running' },
      selection: { q: 'name:web*' },
      limits: { retries: 0 },
    })
    // The VM was found good a moment ago, by hand.
    const first = await world.endedRun((await client.job.run({ id: job.id })).run)
    expect(first).toMatchObject({ state: 'succeeded', objects: 0 })
    const named = await world.endedRun((await client.job.run({ id: job.id, only: [world.vm.id] })).run)
    expect({ state: named.state, error: named.items[0]?.error }).toEqual({ state: 'succeeded', error: undefined })
    const [newest] = (await client.point.list({ q: 'name:web-prod-001', limit: 1 })).items
    expect(newest).toMatchObject({ check: 'passed' })
    expect((await client.point.checks({ id: newest?.id ?? point.id })).items).toMatchObject([
      { by: 'Prove', job: job.id },
    ])
    await nothingLeft()
  })

  test('makes points count: a schedule that keeps verified ones gives up no other for them', async () => {
    const { client } = world.tab
    const job = await client.job.create({
      name: 'Keeps what is good',
      work: { kind: 'backup', repositories: [world.repository] },
      selection: { ids: [world.vm.id] },
      schedules: [{ name: 'nightly', cron: '0 2 1 1 *', keep: { last: 1 }, keepVerified: true }],
    })
    const backUp = async () => await world.endedRun((await client.job.run({ id: job.id, schedule: 'nightly' })).run)
    const mine = async () => (await client.point.list({ q: `job:"${job.id}/nightly"` })).items
    for (let run = 0; run < 3; run++) expect(await backUp()).toMatchObject({ state: 'succeeded' })
    // None is good yet.
    expect(await mine()).toHaveLength(3)
    const [, middle] = await mine()
    const { task } = await client.point.verify({ id: middle?.id ?? point.id, demand: 'running', settle: 0 })
    expect(await world.ended(task)).toMatchObject({ state: 'succeeded' })
    await backUp()
    const kept = await mine()
    // The good one, and the two that are newer.
    expect(kept).toHaveLength(3)
    expect(kept.at(-1)).toMatchObject({ id: middle?.id, check: 'passed' })
  })

  test('of a damaged restore point fails and is written down as such', async () => {
    const { client } = world.tab
    const newest = await world.backUp()
    const folder = join(world.location, 'data')
    const packs: { readonly path: string; readonly bytes: Buffer }[] = []
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile())
        packs.push({
          path: join(entry.parentPath, entry.name),
          bytes: await readFile(join(entry.parentPath, entry.name)),
        })
    }
    // What is small says how things hang together: without it nothing is found at all.
    for (const { path, bytes } of packs.filter((pack) => pack.bytes.length > 1_000_000)) {
      await unlink(path)
      await writeFile(path, bytes.fill(0x55, 0, 2000))
    }
    const { task } = await client.point.verify({ id: newest.id, demand: 'running', settle: 0 })
    const ended = await world.ended(task)
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'verify.failed' } })
    expect(ended.error?.message).toMatch(/cannot be restored/)
    await nothingLeft()
    expect((await client.point.checks({ id: newest.id })).items).toMatchObject([{ state: 'failed', picture: false }])
  })
})
