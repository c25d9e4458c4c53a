import { setTimeout } from 'node:timers/promises'
import { createClient } from 'xen-api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startToolstack, type Toolstack } from '../src/index.ts'
import type { Loose } from './client.ts'

// The npm client that Xen Orchestra uses, over TLS, with the host's own waits.
let toolstack: Toolstack
let client: Loose

beforeAll(async () => {
  toolstack = await startToolstack({ hosts: 2, vms: 12, seed: 3 })
  client = createClient({
    url: toolstack.url,
    auth: { user: 'root', password: 'nixen' },
    allowUnauthorized: true,
    debounce: 10,
  })
  await client.connect()
  await client.objectsFetched
})

afterAll(async () => {
  await client.disconnect()
  // Its logout goes out unwatched, and ends its wait for events.
  await setTimeout(200)
  await toolstack[Symbol.asyncDispose]()
})

const objects = (type: string): Loose[] =>
  Object.values(client.objects.all).filter((object: Loose) => object.$type === type)

describe('the npm client xen-api', () => {
  test('logs in and lists methods', async () => {
    const methods: string[] = await client.call('system.listMethods')
    expect(methods).toContain('VM.start')
    expect(methods).toContain('event.from')
    expect(methods.length).toBeGreaterThan(2000)
  })

  test('fetches the whole inventory', async () => {
    expect(objects('VM').filter((vm) => !vm.is_a_template && !vm.is_control_domain)).toHaveLength(12)
    expect(objects('host')).toHaveLength(2)
    expect(client.pool.$master.address).toBe('127.0.1.1')
    const vm = objects('VM').find((each) => each.power_state === 'Running' && !each.is_control_domain)
    expect(vm.$VBDs.length).toBeGreaterThan(0)
    expect(vm.$resident_on.$type).toBe('host')
  })

  test('sees a change by an event', async () => {
    const vm = objects('VM').find((each) => !each.is_a_template && !each.is_control_domain)
    await client.call('VM.set_name_description', vm.$ref, 'changed by a test')
    await expect.poll(() => client.getObjectByRef(vm.$ref).name_description).toBe('changed by a test')
  })

  test('passes its barrier', async () => {
    await expect(client.barrier(client.pool.$ref)).resolves.toMatchObject({ uuid: client.pool.uuid })
  })

  test('watches a task to its end and reads its result', async () => {
    const template = objects('VM').find((vm) => vm.is_default_template && vm.name_label === 'Generic Linux UEFI')
    const ref = await client.callAsync('VM.clone', template.$ref, 'cloned')
    const record = await client.getRecord('VM', ref)
    expect(record.name_label).toBe('cloned')
    expect(record.other_config.base_template_name).toBe('Generic Linux UEFI')
  })

  test('gets the code and parameters of an error', async () => {
    const vm = objects('VM').find((each) => each.power_state === 'Running' && !each.is_control_domain)
    await expect(client.call('VM.start', vm.$ref, false, false)).rejects.toMatchObject({
      code: 'VM_BAD_POWER_STATE',
      params: [vm.$ref, 'halted', 'running'],
    })
  })

  test('follows HOST_IS_SLAVE from a member to the master', async () => {
    const member = createClient({
      url: toolstack.url.replace('127.0.1.1', '127.0.1.2'),
      auth: { user: 'root', password: 'nixen' },
      allowUnauthorized: true,
      watchEvents: false,
    })
    await member.connect()
    await expect(member.call('pool.get_all')).resolves.toHaveLength(1)
    await member.disconnect()
  })
})
