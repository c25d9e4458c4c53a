import type { JobId, RunDetail, RunId, Vm } from '@nixen/api'
import { systemClock } from '@nixen/core'
import { startToolstack, type Toolstack } from '@nixen/toolstack'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, logIn, signUp, temporaryState, testServer, type Browser } from './rig.ts'
import type { Server } from '../src/index.ts'

const state = await temporaryState()
let toolstack: Toolstack
let server: Server
let tab: Browser

beforeAll(async () => {
  toolstack = await startToolstack({ hosts: 2, vms: 8, waits: false, loginDelay: false, seed: 7 })
  server = await testServer(state.path)
  tab = await signUp(server)
  const { url: address, fingerprint = '' } = toolstack
  await tab.client.connection.add({ kind: 'xapi', address, username: 'root', password: 'nixen', fingerprint })
  await eventually(async () => ((await tab.client.vm.list({})).total >= 8 ? true : undefined))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await toolstack[Symbol.asyncDispose]()
  await state[Symbol.asyncDispose]()
})

async function ended(run: RunId): Promise<RunDetail> {
  return await eventually(async () => {
    const found = await tab.client.run.get({ id: run })
    return found.finished === undefined ? undefined : found
  })
}

/** Halted VMs, started on one host. */
async function startedTogether(): Promise<readonly Vm[]> {
  const { client } = tab
  const { items: hosts } = await client.host.list({})
  const { items } = await client.vm.list({ q: 'power:halted', limit: 3 })
  for (const { id } of items) await client.vm.start({ id, ...(hosts[0] ? { host: hosts[0].id } : {}) })
  return await eventually(async () => {
    const now = (await client.vm.list({ q: 'power:running' })).items.filter(({ id }) =>
      items.some((vm) => vm.id === id),
    )
    return now.length === items.length ? now : undefined
  })
}

const snapshots = { kind: 'snapshot' as const }

describe('a job', () => {
  test('does its work with what its selection finds each time, and tells object by object', async () => {
    const { client } = tab
    const running = (await client.vm.list({ q: 'power:running' })).items
    const [first] = running
    if (!first) throw new Error('No VM runs')
    const { id } = await client.job.create({
      name: 'Off at night',
      work: { kind: 'action', action: 'vm.hardShutdown' },
      selection: { q: 'power:running' },
    })
    expect(await client.job.get({ id })).toMatchObject({ objects: running.length, owner: expect.any(String) })
    toolstack.pools[0]?.faults.add({
      method: 'VM.hard_shutdown',
      count: 1,
      error: ['INTERNAL_ERROR', 'it does not listen'],
    })
    const { run, task } = await client.job.run({ id })
    const end = await ended(run)
    expect(end).toMatchObject({
      state: 'failed',
      objects: running.length,
      failed: 1,
      done: running.length - 1,
      task,
      trigger: 'hand',
    })
    expect(end.summary).toContain(`1 of ${running.length} failed`)
    expect(end.items.filter((item) => item.state === 'succeeded')).toHaveLength(running.length - 1)
    const left = (await client.vm.list({ q: 'power:running' })).items
    const again = await ended((await client.job.run({ id })).run)
    expect(again).toMatchObject({ state: 'succeeded', objects: left.length })
    await expect(client.job.run({ id })).rejects.toMatchObject({ code: 'job.nothing_selected' })
    await client.job.remove({ id })
    expect((await client.run.list({ job: id })).items).toHaveLength(2)
  })

  test('that takes snapshots keeps as many as its schedule says, and touches no others', async () => {
    const { client } = tab
    const [vm] = (await client.vm.list({ limit: 1 })).items
    if (!vm) throw new Error('There is no VM')
    const { task } = await client.vm.snapshot({ id: vm.id, name: 'by hand' })
    await eventually(async () => ((await client.task.get({ id: task })).finished === undefined ? undefined : true))
    const ours = async () =>
      (await client.snapshot.list({ limit: 1000 })).items.filter(
        (one) => one.vm === vm.id && /^(Rolling|by hand)/.test(one.name),
      )
    await eventually(async () => ((await ours()).some(({ name }) => name === 'by hand') ? true : undefined))
    const job = await client.job.create({
      name: 'Rolling',
      work: snapshots,
      selection: { ids: [vm.id] },
      schedules: [{ name: 'hourly', cron: '0 * * * *', keep: { last: 2 } }],
    })
    for (let i = 0; i < 4; i++) {
      const { run } = await client.job.run({ id: job.id, schedule: 'hourly' })
      expect(await ended(run)).toMatchObject({ state: 'succeeded' })
      // The next run looks at the inventory, which follows the host.
      await eventually(async () => ((await ours()).length === Math.min(i + 1, 2) + 1 ? true : undefined))
    }
    expect((await ours()).filter(({ name }) => name.startsWith('Rolling'))).toHaveLength(2)
    expect((await ours()).filter(({ name }) => name === 'by hand')).toHaveLength(1)
  })

  test('runs when it is due, and shows when that is', async () => {
    const { client } = tab
    const [vm] = (await client.vm.list({ limit: 1 })).items
    if (!vm) throw new Error('There is no VM')
    const job = await client.job.create({
      name: 'Often',
      work: { kind: 'action', action: 'vm.update', input: { description: 'seen' } },
      selection: { ids: [vm.id] },
      schedules: [{ name: 'often', cron: '* * * * * *' }],
    })
    expect(job.next).toBeGreaterThan(job.created - 1)
    const [run] = await eventually(async () => {
      const { items } = await client.run.list({ job: job.id })
      return items.length > 1 ? items : undefined
    })
    expect(run).toMatchObject({ trigger: 'schedule', schedule: 'often' })
    await client.job.enable({ id: job.id, enabled: false })
    expect((await client.job.get({ id: job.id })).next).toBeUndefined()
    await eventually(
      async () =>
        await client.job.remove({ id: job.id }).then(
          () => true,
          () => undefined,
        ),
    )
    await eventually(async () => ((await client.vm.get({ id: vm.id })).description === 'seen' ? true : undefined))
  })

  test('may do what its owner may, and nothing when its owner is gone', async () => {
    const { client } = tab
    const password = 'a long enough password'
    const [vm, other] = (await client.vm.list({ limit: 2 })).items
    if (!vm || !other) throw new Error('There are no VMs')
    const role = await client.role.create({
      name: 'one VM',
      grants: [{ actions: ['job:*'] }, { actions: ['vm:*'], scope: `name:"${vm.name}"` }],
    })
    const user = await client.user.create({ name: 'grace', password, roles: [role.id] })
    const grace = await logIn(server, { name: 'grace', password })
    const job = await grace.client.job.create({
      name: 'Everything',
      work: { kind: 'action', action: 'vm.update', input: { description: 'by Grace' } },
      selection: { q: '', ids: [other.id] },
    })
    expect(job.objects).toBe(1)
    const end = await ended((await client.job.run({ id: job.id })).run)
    expect(end.items.map(({ id }) => id)).toEqual([vm.id])
    await client.user.update({ id: user.id, disabled: true })
    await expect(client.job.run({ id: job.id })).rejects.toMatchObject({ code: 'job.owner_gone' })
  })

  test.each([
    ['a cron that is none', { work: snapshots, schedules: [{ name: 'x', cron: '99 * * * *' }] }, 'job.bad_schedule'],
    ['an action that is none', { work: { kind: 'action' as const, action: 'vm.strat' } }, 'bulk.no_such_action'],
    [
      'input that the action does not take',
      { work: { kind: 'action' as const, action: 'vm.start', input: { hsot: 1 } } },
      'request.invalid',
    ],
    ['a query that is wrong', { work: snapshots, selection: { q: 'power:(' } }, 'query.invalid'],
  ])('%s is refused when it is saved', async (_, wrong, code) => {
    await expect(tab.client.job.create({ name: 'Wrong', ...wrong })).rejects.toMatchObject({ code })
  })

  test('is previewed with a sentence, its objects and its next runs', async () => {
    const preview = await tab.client.job.preview({
      name: 'Night',
      work: snapshots,
      selection: { q: '' },
      schedules: [{ name: 'nightly', cron: '30 2 * * *', timeZone: 'UTC', keep: { daily: 7, weekly: 4 } }],
    })
    expect(preview.items).toHaveLength((await tab.client.vm.list({})).total)
    expect(preview.next).toHaveLength(20)
    expect(preview.sentence).toBe(
      `Takes snapshots: ${preview.items.length} objects now. Runs nightly at "30 2 * * *" (UTC), keeping 7 daily, 4 weekly.`,
    )
  })
})

describe('a run', () => {
  test('does no more at a time on one host than its job says', async () => {
    const { client } = tab
    const vms = (await client.vm.list({ q: 'power:running' })).items
    const host = vms.find(({ host: of }) => vms.filter((vm) => vm.host === of).length > 1)?.host
    const ids = (host ? vms : await startedTogether()).filter((vm) => host === undefined || vm.host === host)
    const job = await client.job.create({
      name: 'One by one',
      work: { kind: 'snapshot' },
      selection: { ids: ids.map(({ id }) => id) },
      limits: { perHost: 1, atOnce: 8 },
    })
    const running = new Set<string>()
    const most: number[] = []
    toolstack.pools[0]?.faults.setDelays({ methods: { 'VM.snapshot': 200 } })
    const { run } = await client.job.run({ id: job.id })
    for (;;) {
      const { items } = await client.vm.list({ q: 'power:running' })
      running.clear()
      for (const { id, busy } of items) if (busy?.includes('snapshot')) running.add(id)
      most.push(running.size)
      if ((await client.run.get({ id: run })).finished !== undefined) break
      await systemClock.sleep(20)
    }
    toolstack.pools[0]?.faults.setDelays({})
    expect((await ended(run)).done).toBe(ids.length)
    expect(ids.length).toBeGreaterThan(1)
    expect(Math.max(...most)).toBe(1)
    await client.job.remove({ id: job.id })
  })

  test('fails with the reason when an object takes longer than it may', async () => {
    const { client } = tab
    const [vm] = (await client.vm.list({ q: 'power:halted', limit: 1 })).items
    if (!vm) throw new Error('No VM is halted')
    const job = await client.job.create({
      name: 'In a hurry',
      work: { kind: 'action', action: 'vm.start' },
      selection: { ids: [vm.id] },
      limits: { timeout: 1000, retries: 0 },
    })
    toolstack.pools[0]?.faults.add({ method: 'VM.start', count: 1, delay: 60_000 })
    const { run } = await client.job.run({ id: job.id })
    const { state, summary, items } = await ended(run)
    expect({ state, code: items[0]?.error?.code }).toEqual({ state: 'failed', code: 'job.timed_out' })
    expect(summary).toMatch(/It took longer than 1.0 s, the time-out of the job/)
  })

  test('is a success when the second attempt is one', async () => {
    const { client } = tab
    const [vm] = (await client.vm.list({ q: 'power:halted', limit: 1 })).items
    if (!vm) throw new Error('No VM is halted')
    const job = await client.job.create({
      name: 'At the second try',
      work: { kind: 'action', action: 'vm.start' },
      selection: { ids: [vm.id] },
      limits: { retries: 1, pause: 0 },
    })
    const refusal = toolstack.pools[0]?.faults.add({
      method: 'VM.start',
      count: 1,
      error: ['OTHER_OPERATION_IN_PROGRESS', 'VM', '{ref}', 'snapshot', 'a-task'],
    })
    const { run } = await client.job.run({ id: job.id })
    const end = await ended(run)
    expect(refusal?.used).toBe(1)
    expect(end).toMatchObject({ state: 'succeeded', failed: 0, items: [{ state: 'succeeded' }] })
    expect(end.items[0]?.error).toBeUndefined()
    const [item] = end.items
    const log = await client.task.log({ id: item?.task ?? '' })
    expect(JSON.stringify(log)).toMatch(/It failed and is tried again/)
  })

  test('shows who waits, and is no success when the work on one object was cancelled', async () => {
    const { client } = tab
    const [first, second] = (await client.vm.list({ q: 'power:halted', limit: 2 })).items
    if (!first || !second) throw new Error('No VMs are halted')
    const job = await client.job.create({
      name: 'One by one',
      work: { kind: 'action', action: 'vm.start' },
      selection: { ids: [first.id, second.id] },
      limits: { atOnce: 1, retries: 0 },
    })
    toolstack.pools[0]?.faults.add({ method: 'VM.start', count: 1, delay: 60_000 })
    const { run } = await client.job.run({ id: job.id })
    const [running] = await eventually(async () => {
      const { items } = await client.run.get({ id: run })
      return items[0]?.task === undefined ? undefined : items
    })
    const states = async () => (await client.run.get({ id: run })).items.map(({ state }) => state)
    expect(await states()).toEqual(['running', 'waiting'])
    await client.task.cancel({ id: running?.task ?? '' })
    const end = await ended(run)
    expect(end).toMatchObject({ state: 'cancelled', summary: 'Cancelled: 1 of 2 were done.' })
    expect(await states()).toEqual(['cancelled', 'succeeded'])
  })
})

test('a run that a stop interrupts is told so, and what was missed runs once at the next start', async () => {
  const { client } = tab
  const [vm] = (await client.vm.list({ q: 'power:halted', limit: 1 })).items
  if (!vm) throw new Error('No VM is halted')
  const slow = await client.job.create({
    name: 'Slow',
    work: { kind: 'action', action: 'vm.start' },
    selection: { ids: [vm.id] },
  })
  toolstack.pools[0]?.faults.add({ method: 'VM.start', count: 1, delay: 20_000 })
  const { run } = await client.job.run({ id: slow.id })
  const due: JobId = (
    await client.job.create({
      name: 'Due',
      enabled: false,
      work: { kind: 'action', action: 'vm.update', input: { description: 'at the start' } },
      selection: { ids: [vm.id] },
      schedules: [{ name: 'often', cron: '* * * * * *' }],
    })
  ).id
  await server[Symbol.asyncDispose]()
  server = await testServer(state.path)
  tab = await logIn(server, { name: 'ada', password: 'correct horse battery' })
  expect(await tab.client.run.get({ id: run })).toMatchObject({ state: 'interrupted' })
  expect((await tab.client.run.list({ job: due })).items).toHaveLength(0)
})
