import { isXapiError, RecordCache, Xapi } from '@nixen/xapi'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startToolstack, type Toolstack } from '../src/index.ts'

// Our own client, over TLS with the certificate pinned, entering by a member.
let toolstack: Toolstack
let xapi: Xapi

beforeAll(async () => {
  toolstack = await startToolstack({ hosts: 2, vms: 10, seed: 11 })
  xapi = await Xapi.connect({
    url: toolstack.url.replace('127.0.1.1', '127.0.1.2'),
    username: 'root',
    password: 'nixen',
    tls: { kind: 'pin', fingerprint: toolstack.fingerprint ?? '' },
  })
})
afterAll(async () => {
  await xapi[Symbol.asyncDispose]()
  await toolstack[Symbol.asyncDispose]()
})

describe('the client @nixen/xapi', () => {
  test('finds the master from a member and reads typed records', async () => {
    const hosts = await xapi.client.host.get_all_records()
    expect([...hosts.values()].map((host) => host.address)).toEqual(['127.0.1.1', '127.0.1.2'])
    const vms = await xapi.client.VM.get_all_records()
    expect([...vms.values()].filter((vm) => !vm.is_a_template && !vm.is_control_domain)).toHaveLength(10)
  })

  test('follows tasks to their typed results and errors', async () => {
    const [template] = await xapi.client.VM.get_by_name_label('Generic Linux UEFI')
    const vm = await xapi.run(xapi.client.async.VM.clone(template!, 'typed'))
    expect(await xapi.client.VM.get_name_label(vm)).toBe('typed')
    const failed = xapi.run(xapi.client.async.VM.start(template!, false, false))
    await expect(failed).rejects.toSatisfy((error) => isXapiError(error, 'VM_IS_TEMPLATE'))
  })

  test('keeps a cache true by events', async () => {
    const cache = new RecordCache()
    const stop = new AbortController()
    const reading = (async () => {
      for await (const event of xapi.events({ signal: stop.signal })) cache.apply(event)
    })()
    await expect.poll(() => cache.all('VM').size).toBeGreaterThan(10)
    const [vm] = [...(await xapi.client.VM.get_all_records())].find(([, record]) => !record.is_a_template) ?? []
    await xapi.client.VM.set_name_label(vm!, 'seen')
    await expect.poll(() => cache.get('VM', vm!)?.name_label).toBe('seen')
    stop.abort()
    await reading.catch(() => undefined)
  })

  test('follows the pool to a new master', async () => {
    const members = await xapi.client.host.get_all_records()
    const [second] = [...members].find(([, host]) => host.address === '127.0.1.2') ?? []
    await xapi.client.pool.designate_new_master(second!)
    const pools = await xapi.client.pool.get_all_records()
    expect([...pools.values()].map((pool) => pool.master)).toEqual([second])
  })
})
