import { connectionOfId, formatId, type Task, type TaskId, type Vm } from '@nixen/api'
import { startToolstack, type Toolstack } from '@nixen/toolstack'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../src/db/database.ts'
import { eventually, logIn, signUp, temporaryState, testServer, type Browser } from './rig.ts'
import type { Server } from '../src/index.ts'

let toolstack: Toolstack
let server: Server
let tab: Browser
const state = await temporaryState()

beforeAll(async () => {
  toolstack = await startToolstack({ hosts: 2, vms: 12, waits: false, loginDelay: false, seed: 7 })
  server = await testServer(state.path)
  tab = await signUp(server)
  const { url: address, fingerprint = '' } = toolstack
  await tab.client.connection.add({ kind: 'xapi', address, username: 'root', password: 'nixen', fingerprint })
  await eventually(async () => ((await tab.client.vm.list({})).total >= 12 ? true : undefined))
  const { items } = await tab.client.vm.list({ q: 'power:running', limit: 6 })
  for (const { id } of items) await ended((await tab.client.vm.hardShutdown({ id })).task)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await toolstack[Symbol.asyncDispose]()
  await state[Symbol.asyncDispose]()
})

async function anyVm(q: string): Promise<Vm> {
  return await eventually(async () => (await tab.client.vm.list({ q, limit: 1 })).items[0])
}

/** Waits for the end of a task. */
async function ended(task: TaskId, { client } = tab): Promise<Task> {
  return await eventually(async () => {
    const found = await client.task.get({ id: task })
    return found.finished === undefined ? undefined : found
  })
}

describe('an action', () => {
  test('is answered with a task, which ends, and the inventory shows what came of it', async () => {
    const vm = await anyVm('power:halted')
    const { task } = await tab.client.vm.start({ id: vm.id })
    expect(connectionOfId(task)).toBe('nixen')
    const done = await ended(task)
    expect(done).toMatchObject({
      state: 'succeeded',
      name: `Start ${vm.name}`,
      action: 'vm.start',
      on: [vm.id],
      progress: 1,
    })
    await eventually(async () => ((await tab.client.vm.get({ id: vm.id })).power === 'running' ? true : undefined))
    const { items } = await tab.client.audit.list({ limit: 1 })
    expect(items[0]).toMatchObject({ action: 'vm.start', on: vm.id, onName: vm.name, ok: true })
  })

  test('is in the history with who asked for it', async () => {
    const vm = await anyVm('power:running')
    await ended((await tab.client.vm.update({ id: vm.id, description: 'seen' })).task)
    const { items } = await tab.client.task.history({ on: vm.id, action: 'vm.update' })
    expect(items).toHaveLength(1)
    expect(items[0]).toMatchObject({ state: 'succeeded', on: [vm.id], user: expect.any(String) })
    const [last] = items
    expect(
      (await tab.client.task.history({ on: vm.id, before: last?.created ?? 0, action: 'vm.update' })).items,
    ).toEqual([])
  })

  test('that makes no sense now is refused with the reason before anything is begun', async () => {
    const vm = await anyVm('power:running')
    await expect(tab.client.vm.start({ id: vm.id })).rejects.toMatchObject({
      code: 'request.not_allowed',
      message: expect.stringContaining('Only a halted or suspended VM can start. This one is running.'),
    })
  })

  test('that the host refuses fails with its code in the task', async () => {
    const vm = await anyVm('power:halted')
    toolstack.pools[0]?.faults.add({
      method: 'VM.start',
      count: 1,
      error: ['SR_BACKEND_FAILURE_46', '', 'The VDI is not available', ''],
    })
    const done = await ended((await tab.client.vm.start({ id: vm.id })).task)
    expect(done.state).toBe('failed')
    expect(JSON.stringify(done.error)).toContain('SR_BACKEND_FAILURE_46')
  })

  test('that is cancelled ends so, on the host too', async () => {
    const vm = await anyVm('power:halted')
    toolstack.pools[0]?.faults.add({ method: 'VM.start', count: 1, delay: 20_000 })
    const { task } = await tab.client.vm.start({ id: vm.id })
    const cancelled = await tab.client.task.cancel({ id: task })
    expect(cancelled.state).toBe('cancelling')
    expect(await ended(task)).toMatchObject({ state: 'cancelled', error: { code: 'task.cancelled' } })
    await expect(tab.client.task.cancel({ id: task })).rejects.toMatchObject({ code: 'task.not_cancellable' })
  })

  test('needs the permission on that object, and an object that may be seen', async () => {
    const password = 'a long enough password'
    const vm = await anyVm('power:halted')
    const role = await tab.client.role.create({
      name: 'one machine',
      grants: [{ actions: ['vm:read', 'task:read'] }, { actions: ['vm:start'], scope: `name:"${vm.name}"` }],
    })
    await tab.client.user.create({ name: 'grace', password, roles: [role.id] })
    const grace = await logIn(server, { name: 'grace', password })
    const other = (await tab.client.vm.list({ q: 'power:halted' })).items.find(({ id }) => id !== vm.id)
    if (!other) throw new Error('There is one halted VM only')
    await expect(grace.client.vm.start({ id: other.id })).rejects.toMatchObject({ code: 'auth.forbidden' })
    await expect(grace.client.vm.shutdown({ id: vm.id })).rejects.toMatchObject({ code: 'auth.forbidden' })
    const gone = formatId({ type: 'vm', connection: connectionOfId(vm.id), key: 'gone' })
    await expect(grace.client.vm.start({ id: gone })).rejects.toMatchObject({ code: 'vm.not_found' })
    expect(await ended((await grace.client.vm.start({ id: vm.id })).task)).toMatchObject({ state: 'succeeded' })
  })
})

describe('an action on many objects', () => {
  test('is previewed, judged object by object, and ends when all have', async () => {
    const preview = await tab.client.bulk.run({ action: 'vm.hardShutdown', q: 'name:*', dryRun: true })
    expect(preview.task).toBeUndefined()
    expect(preview.allowed + preview.refused).toBe((await tab.client.vm.list({})).total)
    expect(preview.items.find(({ refused }) => refused)?.refused).toMatchObject({ code: 'request.not_allowed' })
    const { task, items, allowed } = await tab.client.bulk.run({ action: 'vm.hardShutdown', q: 'power:running' })
    if (task === undefined) throw new Error('Nothing was done')
    expect(items.filter((item) => item.task !== undefined)).toHaveLength(allowed)
    expect(await ended(task)).toMatchObject({ state: 'succeeded', action: 'vm.hardShutdown' })
    await eventually(async () => ((await tab.client.vm.list({ q: 'power:running' })).total === 0 ? true : undefined))
    const one = await tab.client.task.get({ id: items[0]?.task as TaskId })
    expect(one).toMatchObject({ parent: task, state: 'succeeded' })
  })

  test('fails as a whole when some fail, and says how many and why', async () => {
    const { items } = await tab.client.vm.list({ q: 'power:halted', limit: 3 })
    toolstack.pools[0]?.faults.add({ method: 'VM.start', count: 1, error: ['SR_BACKEND_FAILURE_46', '', 'broken', ''] })
    const { task } = await tab.client.bulk.run({ action: 'vm.start', ids: items.map(({ id }) => id) })
    if (task === undefined) throw new Error('Nothing was done')
    expect(await ended(task)).toMatchObject({
      state: 'failed',
      error: { code: 'bulk.some_failed', details: { failed: 1, of: 3 } },
    })
    await ended((await tab.client.bulk.run({ action: 'vm.hardShutdown', q: 'power:running' })).task as TaskId)
  })

  test('names an action that is not there, and wants ids or a query', async () => {
    await expect(tab.client.bulk.run({ action: 'vm.strat', q: '' })).rejects.toMatchObject({
      code: 'bulk.no_such_action',
      message: expect.stringContaining('vm.start'),
    })
    await expect(tab.client.bulk.run({ action: 'vm.start' })).rejects.toMatchObject({ code: 'bulk.ids_or_query' })
    const everything = tab.client.bulk.run({ action: 'vm.start', q: ' ', dryRun: true })
    await expect(everything).rejects.toMatchObject({ code: 'bulk.ids_or_query' })
  })
})

describe('a task that a crash interrupts', () => {
  test('is told as failed at the next start, and what it began is undone when the connection is there', async () => {
    const vm = await anyVm('power:halted')
    const { record } = await tab.client.vm.native({ id: vm.id })
    const { ref } = await tab.client.vm.native({ id: vm.id })
    await server[Symbol.asyncDispose]()
    const id = formatId({ type: 'task', connection: 'nixen' as Task['connection'], key: 'crashed' })
    // What a server leaves that is killed between a step and its end.
    const db = openDatabase(`${state.path}/db.sqlite`)
    const task: Task = {
      id,
      connection: 'nixen' as Task['connection'],
      name: 'Start it',
      state: 'running',
      on: [vm.id],
      cancellable: true,
      created: 1,
    }
    await db
      .insertInto('tasks')
      .values({ id, task_json: JSON.stringify(task), created: 1, finished: null })
      .execute()
    const step = { kind: 'vm.bootOrder', what: 'Put the boot order back', data: { vm: ref, params: { order: 'n' } } }
    const row = {
      id: 'u1',
      task_id: id,
      connection: connectionOfId(vm.id),
      step_json: JSON.stringify(step),
      created: 1,
      failure: null,
    }
    await db.insertInto('undo').values(row).execute()
    await db.destroy()

    server = await testServer(state.path)
    tab = await logIn(server, { name: 'ada', password: 'correct horse battery' })
    expect(await tab.client.task.get({ id })).toMatchObject({ state: 'failed', error: { code: 'task.interrupted' } })
    expect(record).not.toMatchObject({ HVM_boot_params: { order: 'n' } })
    await eventually(async () => {
      const now = await tab.client.vm.native({ id: vm.id }).catch(() => undefined)
      const params = (now?.record as { HVM_boot_params?: { order?: string } } | undefined)?.HVM_boot_params
      return params?.order === 'n' ? true : undefined
    })
  })
})
