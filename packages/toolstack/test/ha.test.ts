import { describe, expect, test } from 'vitest'
import { find, logIn, quickToolstack, rpc, type Loose, type TestClient } from './client.ts'

/** A running machine that any host can run. */
async function agile(client: TestClient, wanted: (vm: Loose) => boolean): Promise<readonly [string, Loose]> {
  for (const [ref, vm] of Object.entries<Loose>(await client.call('VM.get_all_records'))) {
    if (vm.power_state !== 'Running' || vm.is_control_domain || !wanted(vm)) continue
    const fits = await client.call('VM.assert_agile', ref).then(
      () => true,
      () => false,
    )
    if (fits) return [ref, vm]
  }
  throw new Error('No such VM')
}

describe('high availability', () => {
  test('needs two hosts and a shared SR', async () => {
    await using one = await quickToolstack()
    const alone = await logIn(one.url)
    expect(await alone.refusal('pool.enable_ha', [], {})).toEqual(['HA_TOO_FEW_HOSTS'])
    expect(await alone.refusal('pool.disable_ha')).toEqual(['HA_NOT_ENABLED'])
    await using two = await quickToolstack({ hosts: 2 })
    const client = await logIn(two.url)
    const [local] = await find(client, 'SR', (sr) => !sr.shared)
    expect(await client.refusal('pool.enable_ha', [local], {})).toEqual([
      'HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED',
      local,
    ])
    const [host] = await find(client, 'host')
    await client.call('host.disable', host)
    expect(await client.refusal('pool.enable_ha', [], {})).toEqual(['HOST_DISABLED', host])
  })

  test('keeps a state file while it is on', async () => {
    await using toolstack = await quickToolstack({ hosts: 2 })
    const client = await logIn(toolstack.url)
    const [sr] = await find(client, 'SR', (each) => each.type === 'nfs')
    await client.call('pool.enable_ha', [sr], { timeout: '60' })
    const [, pool] = await find(client, 'pool')
    expect(pool).toMatchObject({ ha_enabled: true, ha_configuration: { timeout: '60' }, ha_cluster_stack: 'xhad' })
    expect(pool.allowed_operations).toContain('ha_disable')
    expect(await client.refusal('pool.enable_ha', [sr], {})).toEqual(['HA_IS_ENABLED'])
    const [file] = pool.ha_statefiles
    expect(await client.call('VDI.get_record', file)).toMatchObject({ type: 'ha_statefile', SR: sr })
    expect(await client.refusal('VDI.destroy', file)).toEqual(['HA_IS_ENABLED'])
    const [, host] = await find(client, 'host')
    expect(host).toMatchObject({ ha_statefiles: [file], ha_network_peers: expect.arrayContaining([host.uuid]) })
    await client.call('pool.disable_ha')
    expect((await client.refusal('VDI.get_record', file))[0]).toBe('HANDLE_INVALID')
    expect((await find(client, 'pool'))[1]).toMatchObject({ ha_enabled: false, ha_statefiles: [] })
  })

  test('plans for failures, and starts protected machines again', async () => {
    await using toolstack = await quickToolstack({ hosts: 3, vms: 12 })
    const client = await logIn(toolstack.url)
    const [pool, { master }] = await find(client, 'pool')
    await client.call('pool.enable_ha', [], {})
    expect(await client.call('pool.ha_compute_max_host_failures_to_tolerate')).toBe(2)
    expect(await client.refusal('pool.set_ha_host_failures_to_tolerate', pool, 3)).toEqual(['HA_NO_PLAN'])
    const [vm, { resident_on }] = await agile(client, (each) => each.resident_on !== master)
    expect(await client.refusal('VM.set_ha_restart_priority', vm, 'always')).toEqual([
      'INVALID_VALUE',
      'ha_restart_priority',
      'always',
    ])
    await client.call('VM.set_ha_restart_priority', vm, 'restart')
    expect(await client.call('VM.get_ha_always_run', vm)).toBe(true)
    await client.call('pool.set_ha_host_failures_to_tolerate', pool, 1)
    expect(await client.call('pool.get_record', pool)).toMatchObject({ ha_plan_exists_for: 1, ha_overcommitted: false })
    await client.call('host.declare_dead', resident_on)
    const after = await client.call('VM.get_record', vm)
    expect(after).toMatchObject({ power_state: 'Running', ha_always_run: true })
    expect(after.resident_on).not.toBe(resident_on)
    await find(client, 'message', ({ name }) => name === 'HA_HOST_FAILED')
    await client.call('VM.hard_shutdown', vm)
    expect(await client.call('VM.get_ha_always_run', vm)).toBe(false)
  })
})

describe('best effort', () => {
  test('starts a machine again that ran on the host that failed, if there is room', async () => {
    await using toolstack = await quickToolstack({ hosts: 3, vms: 12 })
    const client = await logIn(toolstack.url)
    const [, { master }] = await find(client, 'pool')
    await client.call('pool.enable_ha', [], {})
    const [vm, { resident_on }] = await agile(client, (each) => each.resident_on !== master)
    const [large] = await find(
      client,
      'VM',
      (each) => each.resident_on === resident_on && each.uuid !== vm && !each.is_control_domain,
    )
    const [halted] = await find(client, 'VM', (each) => each.power_state === 'Halted' && !each.is_a_template)
    for (const each of [vm, large, halted]) await client.call('VM.set_ha_restart_priority', each, 'best-effort')
    expect(await client.call('VM.get_ha_always_run', vm)).toBe(false)
    await toolstack.pools[0]!.killHost(resident_on)
    expect(await client.call('VM.get_record', vm)).toMatchObject({ power_state: 'Running' })
    expect(await client.call('VM.get_resident_on', vm)).not.toBe(resident_on)
    // It did not run before.
    expect(await client.call('VM.get_power_state', halted)).toBe('Halted')
  })
})

describe('a host that lost its power', () => {
  test('answers again when it is started, with its storage and its devices', async () => {
    await using toolstack = await quickToolstack({ hosts: 2, vms: 6, debugPort: 0 })
    const [pool] = toolstack.pools
    const client = await logIn(toolstack.url)
    const [, { master }] = await find(client, 'pool')
    const [member, { uuid, address, PBDs }] = await find(
      client,
      'host',
      (host) => host.uuid !== undefined && host.address !== pool!.addresses[0],
    )
    expect(member).not.toBe(master)
    const memberUrl = toolstack.url.replace(pool!.addresses[0] ?? '', address)
    const power = async (what: string): Promise<number> =>
      (await fetch(`${pool!.debugUrl}/hosts/${uuid}/${what}`, { method: 'POST' })).status
    expect(await power('kill')).toBe(200)
    await expect(fetch(memberUrl)).rejects.toThrow('fetch failed')
    expect(await client.call('PBD.get_currently_attached', PBDs[0])).toBe(false)
    expect(await power('start')).toBe(200)
    await expect(logIn(memberUrl)).rejects.toThrow('HOST_IS_SLAVE')
    expect(await client.call('host.get_enabled', member)).toBe(true)
    for (const pbd of PBDs) expect(await client.call('PBD.get_currently_attached', pbd)).toBe(true)
    // Once more changes nothing.
    await client.call('host.disable', member)
    expect(await power('start')).toBe(200)
    expect(await client.call('host.get_enabled', member)).toBe(false)
    // A host with a way to be switched on is started by the pool, too.
    await client.call('host.enable', member)
    await client.call('host.set_power_on_mode', member, 'wake-on-lan', {})
    await pool!.killHost(uuid)
    await client.call('host.power_on', member)
    await expect(logIn(memberUrl)).rejects.toThrow('HOST_IS_SLAVE')
    await pool!.killHost(uuid)
    await pool!.startHost(uuid)
    expect((await fetch(memberUrl)).status).toBe(200)
  })
})

describe('a master that dies', () => {
  test('leaves members that name it, until one is told to take over', async () => {
    await using toolstack = await quickToolstack({ hosts: 2 })
    const pool = toolstack.pools[0]!
    const [, member = ''] = pool.addresses
    const client = await logIn(toolstack.url)
    const [, { uuid }] = await find(client, 'host', ({ address }) => address === pool.addresses[0])
    await pool.killHost(uuid)
    await expect(fetch(toolstack.url)).rejects.toThrow('fetch failed')
    const url = toolstack.url.replace(pool.addresses[0] ?? '', member)
    await expect(logIn(url)).rejects.toThrow(`HOST_IS_SLAVE ${pool.addresses[0]}`)
    const local = await rpc(url, 'session.slave_local_login_with_password', ['root', 'nixen'])
    await expect(rpc(url, 'VM.get_all', [local])).rejects.toThrow('HOST_IS_SLAVE')
    await rpc(url, 'pool.emergency_transition_to_master', [local])
    const after = await logIn(url)
    expect(await after.call('VM.get_all')).not.toHaveLength(0)
    const [dead] = await find(after, 'host', (host) => host.uuid === uuid)
    expect(await after.call('pool.is_slave', dead)).toBe(true)
  })

  test('is replaced by another host when HA is on', async () => {
    await using toolstack = await quickToolstack({ hosts: 3 })
    const pool = toolstack.pools[0]!
    const client = await logIn(toolstack.url)
    await client.call('pool.enable_ha', [], {})
    const [, { master }] = await find(client, 'pool')
    await pool.killHost(master)
    const after = await logIn(toolstack.url.replace(pool.addresses[0] ?? '', pool.addresses[1] ?? ''))
    const [, { master: next }] = await find(after, 'pool')
    expect(next).not.toBe(master)
  })
})
