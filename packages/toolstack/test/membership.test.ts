import { setTimeout } from 'node:timers/promises'
import { createClient } from 'xen-api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startToolstack, type Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, rpc, type Loose, type TestClient } from './client.ts'

let toolstack: Toolstack
const login = ['root', 'nixen'] as const

/** Makes of a pool's only host one that may join: no running machine, no VLAN, no shared SR. */
async function makeReady(client: TestClient): Promise<void> {
  for (const [ref, vm] of Object.entries<Loose>(await client.call('VM.get_all_records'))) {
    if (vm.power_state !== 'Halted' && !vm.is_control_domain) await client.call('VM.hard_shutdown', ref)
  }
  for (const ref of await client.call('VLAN.get_all')) await client.call('VLAN.destroy', ref)
  for (const [ref, sr] of Object.entries<Loose>(await client.call('SR.get_all_records'))) {
    if (!sr.shared || sr.is_tools_sr) continue
    for (const pbd of sr.PBDs) await client.call('PBD.unplug', pbd)
    await client.call('SR.forget', ref)
  }
}

const at = (url: string, address: string): string => url.replace(new URL(url).hostname, address)

describe('a host that joins a pool', () => {
  beforeEach(async () => {
    toolstack = await quickToolstack({ pools: 2, hosts: 1, vms: 5 })
  })
  afterEach(() => toolstack[Symbol.asyncDispose]())

  test('is refused with the errors of a host, in its order', async () => {
    const [first, second] = toolstack.pools
    const [there, here] = [await logIn(first!.url), await logIn(second!.url)]
    const join = (address = '127.0.1.1', password = 'nixen'): Promise<readonly string[]> =>
      here.refusal('pool.join', address, 'root', password)
    expect(await join('127.0.77.1')).toEqual(['JOINING_HOST_CONNECTION_FAILED'])
    expect((await join('127.0.1.1', 'wrong'))[0]).toBe('SESSION_AUTHENTICATION_FAILED')
    expect(await join('127.0.2.1')).toEqual(['OPERATION_NOT_ALLOWED', 'Host cannot become slave of itself'])
    expect(await join()).toEqual(['JOINING_HOST_CANNOT_HAVE_RUNNING_VMS'])
    for (const [ref, vm] of Object.entries<Loose>(await here.call('VM.get_all_records'))) {
      if (vm.power_state !== 'Halted' && !vm.is_control_domain) await here.call('VM.hard_shutdown', ref)
    }
    const [host, { software_version }] = await find(there, 'host')
    expect(software_version.product_brand).toBe('XCP-ng')
    expect(host).toMatch(/^OpaqueRef:/)
    expect(await join()).toEqual(['JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS'])
    for (const [ref, sr] of Object.entries<Loose>(await here.call('SR.get_all_records'))) {
      if (!sr.shared || sr.is_tools_sr) continue
      for (const pbd of sr.PBDs) await here.call('PBD.unplug', pbd)
      await here.call('SR.forget', ref)
    }
    expect(await join()).toEqual(['POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS'])
    expect(await there.call('host.get_all')).toHaveLength(1)
  })

  test('brings its storage, machines and interfaces, and answers for its new pool', async () => {
    const [first, second] = toolstack.pools
    const [there, here] = [await logIn(first!.url), await logIn(second!.url)]
    await makeReady(here)
    const [local, sr] = await find(here, 'SR', (each) => each.type === 'ext')
    const [template] = await here.call('VM.get_by_name_label', 'Generic Linux UEFI')
    const clone = await here.call('VM.clone', template, 'comes along')
    const fields = { name_description: '', type: 'user', sharable: false, read_only: false, other_config: {} }
    const vdi = await here.call('VDI.create', {
      ...fields,
      SR: local,
      name_label: 'with data',
      virtual_size: 4 * 1024 * 1024,
      sm_config: {},
      xenstore_data: {},
      tags: [],
    })
    const vdiUuid = await here.call('VDI.get_uuid', vdi)
    const bytes = Buffer.alloc(4 * 1024 * 1024, 7)
    const upload = await fetch(`${second!.url}/import_raw_vdi?vdi=${vdi}&session_id=${here.session}`, {
      method: 'PUT',
      body: bytes,
    })
    expect(upload.status).toBe(200)
    await upload.text()
    const [oldHost, host] = await find(here, 'host')
    expect(oldHost).toMatch(/^OpaqueRef:/)
    const pifs = Object.values<Loose>(await here.call('PIF.get_all_records'))
    const { token } = await there.call('event.from', ['host'], '', 1)
    const templates = Object.values<Loose>(await there.call('VM.get_all_records')).filter(
      (vm) => vm.is_default_template,
    )
    await here.call('pool.join', '127.0.1.1', ...login)

    expect(toolstack.pools).toHaveLength(1)
    expect(toolstack.pools[0]!.addresses).toEqual(['127.0.1.1', '127.0.2.1'])
    await expect(logIn(second!.url)).rejects.toThrow('HOST_IS_SLAVE 127.0.1.1')
    expect(await here.refusal('VM.get_all')).toEqual(['HOST_IS_SLAVE', '127.0.1.1'])
    const { events } = await there.call('event.from', ['host'], token, 1)
    expect(events).toMatchObject([
      { operation: 'add', snapshot: { uuid: host.uuid, address: '127.0.2.1', enabled: true } },
    ])
    const member = await there.call('host.get_by_uuid', host.uuid)
    const srs = Object.values<Loose>(await there.call('SR.get_all_records'))
    expect(srs.filter(({ is_tools_sr }) => is_tools_sr)).toHaveLength(1)
    const moved = await there.call('SR.get_record', await there.call('SR.get_by_uuid', sr.uuid))
    expect(moved).toMatchObject({ name_label: sr.name_label, shared: false })
    expect(await there.call('PBD.get_record', moved.PBDs[0])).toMatchObject({ host: member, currently_attached: true })
    for (const each of srs.filter(({ shared }) => shared)) expect(each.PBDs).toHaveLength(2)
    const movedVdi = await there.call('VDI.get_by_uuid', vdiUuid)
    const download = await fetch(`${first!.url}/export_raw_vdi?vdi=${movedVdi}&session_id=${there.session}`)
    expect(Buffer.from(await download.arrayBuffer()).equals(bytes)).toBe(true)
    expect(await there.call('VM.get_by_name_label', 'comes along')).toHaveLength(1)
    expect(clone).toMatch(/^OpaqueRef:/)
    const vms = Object.values<Loose>(await there.call('VM.get_all_records'))
    expect(vms.filter((vm) => vm.is_default_template)).toHaveLength(templates.length)
    expect(vms.filter((vm) => vm.is_control_domain).map((vm) => vm.resident_on)).toContain(member)
    const own = Object.values<Loose>(await there.call('PIF.get_all_records')).filter((pif) => pif.host === member)
    expect(own.filter(({ physical }) => physical).map(({ uuid }) => uuid)).toEqual(
      expect.arrayContaining(pifs.map(({ uuid }) => uuid)),
    )
    // Networks by their bridges, and the VLANs of the master.
    const networks = Object.values<Loose>(await there.call('network.get_all_records'))
    expect(networks.filter(({ bridge }) => bridge === 'xenbr0')).toHaveLength(1)
    expect(own.filter(({ VLAN }) => VLAN >= 0).map(({ VLAN }) => VLAN)).toEqual([20, 30])
    // The machines of the pool run on it.
    const [vm] = await there.call('VM.get_by_name_label', 'comes along')
    await there.call('VM.set_is_a_template', vm, false)
    await there.call('VM.start_on', vm, member, false, false)
    expect(await there.call('VM.get_resident_on', vm)).toBe(member)
  })

  test('has joined when the toolstack stops before it has said so', async () => {
    const [, second] = toolstack.pools
    const here = await logIn(second!.url)
    await makeReady(here)
    expect(await here.task('pool.join', '127.0.1.1', ...login)).toMatchObject({ status: 'success' })
    await toolstack[Symbol.asyncDispose]()
    expect(toolstack.pools).toHaveLength(1)
  })

  test('shows the end of its task before it changes', async () => {
    const [, second] = toolstack.pools
    const here = await logIn(second!.url)
    await makeReady(here)
    expect(await here.task('pool.join', '127.0.1.1', ...login)).toMatchObject({ status: 'success' })
    expect(await here.refusal('VM.get_all')).toEqual(['HOST_STILL_BOOTING'])
    await expect.poll(() => here.refusal('VM.get_all'), { timeout: 10_000 }).toEqual(['HOST_IS_SLAVE', '127.0.1.1'])
  })
})

describe('a host that is ejected', () => {
  test('is refused with the errors of a host, in its order', async () => {
    await using two = await quickToolstack({ hosts: 2, vms: 8 })
    const client = await logIn(two.url)
    const [, { master }] = await find(client, 'pool')
    const member = (await client.call('host.get_all')).find((host: string) => host !== master)
    expect(await client.refusal('pool.eject', 'OpaqueRef:none')).toEqual(['HANDLE_INVALID', 'host', 'OpaqueRef:none'])
    expect(await client.refusal('pool.eject', master)).toEqual(['INTERNAL_ERROR', 'Xapi_pool.Cannot_eject_master'])
    expect(await client.refusal('pool.eject', member)).toEqual(['OPERATION_NOT_ALLOWED', 'VM resident on host'])
    await client.call('pool.enable_ha', [], {})
    expect(await client.refusal('pool.eject', member)).toEqual(['HA_IS_ENABLED'])
  })

  test('has a pool of its own with empty local storage, and can join again', async () => {
    await using two = await quickToolstack({ hosts: 2 })
    const client = await logIn(two.url)
    const [, { master }] = await find(client, 'pool')
    const member = (await client.call('host.get_all')).find((host: string) => host !== master)
    const { uuid, hostname, address } = await client.call('host.get_record', member)
    const localPbds = Object.values<Loose>(await client.call('PBD.get_all_records')).filter(
      ({ host }) => host === member,
    )
    const records = await Promise.all(localPbds.map(({ SR }) => client.call('SR.get_record', SR)))
    const local = records.find(({ type }) => type === 'ext')
    await client.call('pool.eject', member)

    expect(await client.call('host.get_all')).toEqual([master])
    expect(await client.refusal('SR.get_by_uuid', local.uuid)).toEqual(['UUID_INVALID', 'SR', local.uuid])
    expect(two.pools).toHaveLength(2)
    expect(two.pools[1]!.url).toBe(at(two.url, address))
    const own = await logIn(two.pools[1]!.url)
    const [, host] = await find(own, 'host')
    expect(host).toMatchObject({ uuid, hostname, address, enabled: true })
    const [, sr] = await find(own, 'SR', ({ type }) => type === 'ext')
    expect(sr.uuid).not.toBe(local.uuid)
    expect(sr.VDIs).toEqual([])
    const vms = Object.values<Loose>(await own.call('VM.get_all_records'))
    expect(vms.every((vm) => vm.is_default_template || vm.is_control_domain)).toBe(true)
    expect(vms.length).toBeGreaterThan(5)
    const management = await own.call('host.get_management_interface', await own.call('host.get_by_uuid', uuid))
    expect(await own.call('PIF.get_record', management)).toMatchObject({ IP: address, physical: true })
    expect((await find(own, 'pool'))[1]).toMatchObject({
      name_label: '',
      default_SR: expect.stringMatching(/^OpaqueRef:[0-9a-f]/),
    })
    // As it is, it may join.
    await own.call('pool.join', '127.0.1.1', ...login)
    expect(await client.call('host.get_all')).toHaveLength(2)
    expect(two.pools).toHaveLength(1)
    await expect(rpc(two.pools[0]!.url, 'VM.get_all', [own.session])).rejects.toThrow('SESSION_INVALID')
  })

  test('is followed by npm xen-api to the master of its pool, over TLS', async () => {
    await using two = await startToolstack({ hosts: 2, waits: false, loginDelay: false })
    const connect = async (url: string): Promise<Loose> => {
      const client: Loose = createClient({
        url,
        auth: { user: 'root', password: 'nixen' },
        allowUnauthorized: true,
        debounce: 10,
      })
      await client.connect()
      await client.objectsFetched
      return client
    }
    const master = await connect(two.url)
    const hosts = await master.call('host.get_all_records')
    const [ref] = Object.entries<Loose>(hosts).find(([, host]) => host.address === '127.0.1.2') ?? ['']
    await master.callAsync('pool.eject', ref)
    const own = await connect(at(two.url, '127.0.1.2'))
    expect(await own.call('pool.get_all')).not.toEqual(await master.call('pool.get_all'))
    expect(await own.call('host.get_all')).toHaveLength(1)
    await own.callAsync('pool.join', '127.0.1.1', 'root', 'nixen')
    await expect
      .poll(async () => Object.keys(await master.call('host.get_all_records')).length, { timeout: 10_000 })
      .toBe(2)
    // It goes on answering for a moment, so that the end of the task is seen.
    await own.disconnect()
    const throughMember = async (): Promise<number> => {
      const client = await connect(at(two.url, '127.0.1.2'))
      const hosts: string[] = await client.call('host.get_all')
      await client.disconnect()
      return hosts.length
    }
    await expect.poll(() => throughMember().catch(() => 0), { timeout: 10_000 }).toBe(2)
    await master.disconnect()
    // Its logout goes out unwatched, and ends its wait for events.
    await setTimeout(200)
  })
})
