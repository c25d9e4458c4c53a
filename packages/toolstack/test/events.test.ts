import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'

let toolstack: Toolstack
let client: TestClient

beforeAll(async () => {
  toolstack = await quickToolstack({ vms: 6 })
  client = await logIn(toolstack.url)
})
afterAll(() => toolstack[Symbol.asyncDispose]())

const from = (classes: string[], token: string, timeout = 0): Promise<Loose> =>
  client.call('event.from', classes, token, timeout)
const tokenNow = async (): Promise<string> => (await from(['nothing'], '', 0)).token
const short = (batch: Loose): string[] => batch.events.map((event: Loose) => `${event.operation} ${event.class}`)
const aVm = async (): Promise<string> =>
  (await find(client, 'VM', (vm) => !vm.is_a_template && !vm.is_control_domain))[0]

describe('event.from', () => {
  test('starts with everything there is, worded as hosts do', async () => {
    const batch = await from(['*'], '')
    expect(batch.token).toMatch(/^\d{20},\d{20}$/)
    expect(new Set(short(batch).map((text) => text.split(' ')[0]))).toEqual(new Set(['add']))
    expect(batch.events[0]).toMatchObject({ id: expect.stringMatching(/^\d+$/), timestamp: '0.0' })
    expect(batch.events.map((event: Loose) => event.class)).toContain('vm_guest_metrics')
  })

  test('counts the rows of every table, whatever was asked for', async () => {
    const { valid_ref_counts } = await from(['pool'], '')
    expect(valid_ref_counts).toMatchObject({
      vm: Object.keys(await client.call('VM.get_all_records')).length,
      pool: 1,
      task: 0,
    })
    expect(Object.keys(valid_ref_counts).length).toBeGreaterThan(60)
  })

  test('gives one event for each object that changed, as it is now', async () => {
    const vm = await aVm()
    const token = await tokenNow()
    for (const name of ['one', 'two', 'three']) await client.call('VM.set_name_label', vm, name)
    const batch = await from(['vm'], token)
    expect(short(batch)).toEqual(['mod vm'])
    expect(batch.events[0].snapshot.name_label).toBe('three')
  })

  test('orders adds before changes before removals, and leaves out what came and went', async () => {
    const vm = await aVm()
    const old = await client.call('network.create', { name_label: 'old', other_config: {} })
    const token = await tokenNow()
    await client.call('network.destroy', old)
    await client.call('VM.set_name_label', vm, 'changed')
    const gone = await client.call('network.create', { name_label: 'gone', other_config: {} })
    await client.call('network.destroy', gone)
    await client.call('network.create', { name_label: 'new', other_config: {} })
    const batch = await from(['network', 'vm'], token)
    expect(short(batch)).toEqual(['add network', 'mod vm', 'del network'])
    expect(batch.events[2]).not.toHaveProperty('snapshot')
    expect(batch.events[2].ref).toBe(old)
  })

  test('changes nothing when a value stays the same', async () => {
    const vm = await aVm()
    await client.call('VM.set_name_label', vm, 'same')
    const token = await tokenNow()
    await client.call('VM.set_name_label', vm, 'same')
    expect(short(await from(['*'], token))).toEqual([])
  })

  test('tells both sides of a relation', async () => {
    const vm = await aVm()
    const [network] = await client.call('network.get_all')
    const token = await tokenNow()
    const config = { qos_algorithm_type: '', qos_algorithm_params: {}, other_config: {} }
    await client.call('VIF.create', { VM: vm, network, device: '5', MAC: '', MTU: 0, ...config })
    expect(short(await from(['*'], token)).sort()).toEqual(['add vif', 'mod network', 'mod vm'])
  })

  test('delivers messages first', async () => {
    const [, { uuid }] = await find(client, 'pool')
    const token = await tokenNow()
    await client.call('pool.add_tags', (await find(client, 'pool'))[0], 'tag')
    const message = await client.call('message.create', 'ALERT', 3, 'Pool', uuid, 'body')
    const batch = await from(['*'], token)
    expect(short(batch)).toEqual(['add message', 'mod pool'])
    await client.call('message.destroy', message)
    expect(short(await from(['message'], batch.token))).toEqual(['del message'])
  })

  test('waits for a change, and for the timeout when there is none', async () => {
    const vm = await aVm()
    const token = await tokenNow()
    const waiting = from([`vm/${vm}`], token, 20)
    await client.call('VM.set_name_label', vm, 'awaited')
    expect(short(await waiting)).toEqual(['mod vm'])
    const started = performance.now()
    const empty = await from(['nothing'], '', 0.2)
    expect(empty.events).toEqual([])
    expect(performance.now() - started).toBeGreaterThan(190)
  })

  test('begins after a barrier made with event.inject', async () => {
    const [pool] = await find(client, 'pool')
    const token = await client.call('event.inject', 'pool', pool)
    expect(short(await from(['pool'], token))).toEqual(['mod pool'])
    expect(await client.refusal('event.inject', 'Pool', pool)).toEqual(['HANDLE_INVALID', 'Pool', pool])
  })

  test.each([
    [['vm/'], '', ['EVENT_SUBSCRIPTION_PARSE_FAILURE', 'vm/']],
    [['*/x'], '', ['EVENT_SUBSCRIPTION_PARSE_FAILURE', '*/x']],
    [['*'], 'x', ['EVENT_FROM_TOKEN_PARSE_FAILURE', 'x']],
  ])('refuses %j from %j', async (classes, token, expected) => {
    expect(await client.refusal('event.from', classes, token, 0)).toEqual(expected)
  })

  test('ends when its session does', async () => {
    const other = await logIn(toolstack.url)
    const waiting = other.refusal('event.from', ['nothing'], '', 20)
    await client.call('task.get_all')
    await other.call('session.logout')
    await client.call('VM.set_name_label', await aVm(), 'wake')
    expect(await waiting).toEqual(['SESSION_INVALID', other.session])
  })

  test('batches as a host does unless told otherwise', async () => {
    await using slow = await quickToolstack({ waits: true })
    const other = await logIn(slow.url)
    const started = performance.now()
    await other.call('event.from', ['*'], '', 1)
    expect(performance.now() - started).toBeGreaterThan(45)
  })
})
