import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'

let toolstack: Toolstack
let client: TestClient
let host: string
let other: string

beforeAll(async () => {
  const users = [{ name: 'op', password: 'o', role: 'vm-operator' as const }]
  toolstack = await quickToolstack({ hosts: 2, vms: 24, users, debugPort: 0 })
  client = await logIn(toolstack.url)
  ;[host, other] = await client.call('host.get_all')
})
afterAll(() => toolstack[Symbol.asyncDispose]())

const plugin = (name: string, fn: string, args: object = {}, on = host): Promise<Loose> =>
  client.call('host.call_plugin', on, name, fn, args)

describe('plugins of a host', () => {
  test('update its packages', async () => {
    const before: Loose[] = JSON.parse(await plugin('updater.py', 'check_update'))
    const names = before.map(({ name }) => name)
    expect(names).toContain('xen-hypervisor')
    expect(before[0]).toMatchObject({
      version: expect.any(String),
      release: expect.stringContaining('xcpng'),
      size: expect.any(Number),
      changelog: { author: expect.any(String), date: expect.any(Number), description: expect.any(String) },
    })
    const installed = async (): Promise<Loose> =>
      JSON.parse(await plugin('updater.py', 'query_installed', { packages: 'kernel,none' }))
    const { kernel, none } = await installed()
    expect(none).toBe('')
    await plugin('updater.py', 'install', { packages: 'kernel' })
    expect((await installed()).kernel).not.toBe(kernel)
    expect(JSON.parse(await plugin('updater.py', 'check_update'))).toHaveLength(before.length - 1)
    await plugin('updater.py', 'update')
    expect(JSON.parse(await plugin('updater.py', 'check_update'))).toEqual([])
    expect(JSON.parse(await plugin('updater.py', 'check_update', {}, other))).toHaveLength(before.length)
    expect(await client.refusal('host.call_plugin', host, 'updater.py', 'install', { packages: 'emacs' })).toEqual([
      '-1',
      'No package emacs available.',
      '',
      '',
    ])
    await plugin('updater.py', 'set_proxies', { proxies: '{"xcp-ng-base":"http://10.0.0.1:3142"}' })
    expect(JSON.parse(await plugin('updater.py', 'get_proxies'))).toMatchObject({
      'xcp-ng-base': 'http://10.0.0.1:3142',
      'xcp-ng-updates': '_none_',
    })
    expect(
      await client.refusal('host.call_plugin', host, 'updater.py', 'set_proxies', { proxies: '{"x":1}' }),
    ).toContain('-1')
  })

  test('tell of its hardware', async () => {
    expect(await plugin('hyperthreading.py', 'get_hyperthreading')).toBe('true')
    const [, sr] = await find(client, 'SR', ({ shared, type }) => !shared && type === 'ext')
    const found = await Promise.all([host, other].map((on) => plugin('lsblk.py', 'list_block_devices', {}, on)))
    expect(found.join(' ')).toContain(`/run/sr-mount/${sr.uuid}`)
    const { blockdevices } = JSON.parse(found[0])
    expect(blockdevices.map(({ name }: Loose) => name)).toEqual(['sda', 'sdb'])
    expect(JSON.parse(await plugin('smartctl.py', 'health'))).toEqual({ '/dev/sda': 'PASSED', '/dev/sdb': 'PASSED' })
    const information = JSON.parse(await plugin('smartctl.py', 'information'))
    expect(information['/dev/sda']).toMatchObject({ smart_status: { passed: true } })
    const { raid, volumes } = JSON.parse(await plugin('raid.py', 'check_raid_pool'))
    expect(raid).toMatchObject({ 'Raid Level': 'raid1', State: 'clean', 'Active Devices': '2' })
    expect(volumes[1]).toEqual(['1', '8', '16', '1', 'active sync', '/dev/sdb'])
    expect(Object.values(JSON.parse(await plugin('lvm.py', 'list_volume_groups')))).toHaveLength(1)
    expect(await plugin('zfs.py', 'list_zfs_pools')).toBe('{}')
  })

  test('are refused when they are not there, by name and by function, and to who may not', async () => {
    const refusal = (name: string, fn: string): Promise<readonly string[]> =>
      client.refusal('host.call_plugin', host, name, fn, {})
    expect(await refusal('none.py', 'x')).toEqual(['XENAPI_MISSING_PLUGIN', 'none.py'])
    expect(await refusal('updater.py', 'x')).toEqual(['UNKNOWN_XENAPI_PLUGIN_FUNCTION', 'x'])
    expect(await refusal('updater.py', 'constructor')).toEqual(['UNKNOWN_XENAPI_PLUGIN_FUNCTION', 'constructor'])
    const operator = await logIn(toolstack.url, 'op', 'o')
    expect(await operator.refusal('host.call_plugin', host, 'updater.py', 'check_update', {})).toEqual([
      'RBAC_PERMISSION_DENIED',
      'host.call_plugin',
      'No permission in user session',
    ])
    await toolstack.pools[0]?.killHost(other)
    expect(await client.refusal('host.call_plugin', other, 'updater.py', 'check_update', {})).toEqual([
      'HOST_OFFLINE',
      other,
    ])
  })
})

describe('the plugin of a guest agent', () => {
  test('switches remote desktops where the agent can, and checks scripts as a host does', async () => {
    const [vm, { uuid, guest_metrics }] = await find(
      client,
      'VM',
      (each) => each.power_state === 'Running' && each.guest_metrics !== 'OpaqueRef:NULL',
    )
    const name = 'guest-agent-operation'
    const refusal = async (fn: string, args: object = {}, as = client): Promise<readonly string[]> =>
      await as.refusal('VM.call_plugin', vm, name, fn, args)
    expect(await client.refusal('VM.call_plugin', vm, 'other', 'x', {})).toEqual(['XENAPI_MISSING_PLUGIN', 'other'])
    const missing = `The requested fn "test" could not be found in plugin "${name}".`
    expect(await refusal('test')).toEqual(['XENAPI_PLUGIN_FAILURE', 'failed to find fn', missing, missing])
    expect((await refusal('request-rdp-on'))[1]).toBe('failed to execute fn')
    expect(await refusal('run-script')).toEqual(['FEATURE_RESTRICTED'])
    const [pool] = await find(client, 'pool')
    await client.call('pool.add_to_other_config', pool, 'allow_guest_agent_run_script', 'true')
    expect(await refusal('run-script', { username: 'u', password: 'p' })).toEqual([
      'XENAPI_PLUGIN_FAILURE',
      'missing argument',
      '',
      'Argument script is required.',
    ])
    const whole = { username: 'u', password: 'p', script: 'x'.repeat(1025) }
    expect((await refusal('run-script', whole))[1]).toBe('length restriction')
    const operator = await logIn(toolstack.url, 'op', 'o')
    expect((await refusal('run-script', whole, operator))[0]).toBe('RBAC_PERMISSION_DENIED')
    expect((await refusal('run-script', { ...whole, script: 'true' }))[1]).toBe('failed to execute fn')
    const halted = (
      await find(client, 'VM', ({ power_state, is_a_template }) => power_state === 'Halted' && !is_a_template)
    )[0]
    expect((await client.refusal('VM.call_plugin', halted, name, 'request-rdp-on', {}))[0]).toBe('VM_BAD_POWER_STATE')
    const other = (): Promise<Loose> => client.call('VM_guest_metrics.get_other', guest_metrics)
    expect(await other()).not.toHaveProperty('data-ts')
    const body = JSON.stringify({ other: { 'feature-ts2': '1' } })
    await fetch(`${toolstack.pools[0]?.debugUrl}/vms/${uuid}/guest`, { method: 'PUT', body })
    for (const [fn, value] of [
      ['request-rdp-on', '1'],
      ['request-rdp-off', '0'],
    ] as const) {
      expect(await client.call('VM.call_plugin', vm, name, fn, {})).toBe('')
      expect(await other()).toMatchObject({ 'data-ts': value })
    }
  })

  test('is asked once in ten seconds', async () => {
    await using slow = await quickToolstack({ vms: 2, waits: true })
    const root = await logIn(slow.url)
    const [vm] = await find(
      root,
      'VM',
      ({ power_state, is_control_domain }) => power_state === 'Running' && !is_control_domain,
    )
    expect((await root.refusal('VM.call_plugin', vm, 'guest-agent-operation', 'x', {}))[0]).toBe(
      'XENAPI_PLUGIN_FAILURE',
    )
    const [code, ref, interval, wait] = await root.refusal('VM.call_plugin', vm, 'guest-agent-operation', 'x', {})
    expect([code, ref, interval]).toEqual(['VM_CALL_PLUGIN_RATE_LIMIT', vm, '10.'])
    expect(Number(wait)).toBeGreaterThan(0)
  })
})
