import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'

let toolstack: Toolstack
let client: TestClient

beforeAll(async () => {
  toolstack = await quickToolstack({ hosts: 2, vms: 6 })
  client = await logIn(toolstack.url)
})
afterAll(() => toolstack[Symbol.asyncDispose]())

const running = (record: Loose): boolean => record.power_state === 'Running' && !record.is_control_domain
const halted = (record: Loose): boolean => record.power_state === 'Halted' && !record.is_a_template

describe('data sources', () => {
  test('of machines, hosts and SRs are listed with values that lie within their bounds', async () => {
    const [vm] = await find(client, 'VM', running)
    const [host] = await find(client, 'host')
    const [sr] = await find(client, 'SR')
    for (const [cls, ref] of [
      ['VM', vm],
      ['host', host],
      ['SR', sr],
    ] as const) {
      const sources: Loose[] = await client.call(`${cls}.get_data_sources`, ref)
      expect(sources.length).toBeGreaterThan(3)
      for (const { name_label, value, max } of sources) {
        expect([name_label, value >= 0, value <= max]).toEqual([name_label, true, true])
      }
      const [{ name_label }] = sources as [Loose]
      expect(await client.call(`${cls}.query_data_source`, ref, name_label)).toEqual(expect.any(Number))
      expect((await client.refusal(`${cls}.query_data_source`, ref, 'none'))[0]).toBe('INTERNAL_ERROR')
      await client.call(`${cls}.record_data_source`, ref, name_label)
      await client.call(`${cls}.forget_data_source_archives`, ref, name_label)
    }
    const [stopped] = await find(client, 'VM', halted)
    expect(await client.refusal('VM.get_data_sources', stopped)).toEqual([
      'VM_BAD_POWER_STATE',
      stopped,
      'running',
      'halted',
    ])
  })
})

describe('a VTPM', () => {
  test('keeps its contents, and takes them away with it', async () => {
    const [vm] = await find(client, 'VM', halted)
    const secrets = async (): Promise<number> => (await client.call('secret.get_all')).length
    const before = await secrets()
    const vtpm = await client.call('VTPM.create', vm, false)
    expect(await client.call('VTPM.get_contents', vtpm)).toBe('')
    await client.call('VTPM.set_contents', vtpm, 'AAEC')
    expect(await client.call('VTPM.get_contents', vtpm)).toBe('AAEC')
    // A copy has its own; a machine that is reverted has that of its snapshot.
    const clone = await client.call('VM.clone', vm, 'clone')
    const [copied] = await client.call('VM.get_VTPMs', clone)
    await client.call('VTPM.set_contents', copied, 'AwQF')
    expect(await client.call('VTPM.get_contents', vtpm)).toBe('AAEC')
    await client.call('VM.destroy', clone)
    const snapshot = await client.call('VM.snapshot', vm, 'before')
    await client.call('VTPM.set_contents', vtpm, 'BgcI')
    await client.call('VM.revert', snapshot)
    const [reverted] = await client.call('VM.get_VTPMs', vm)
    expect(await client.call('VTPM.get_contents', reverted)).toBe('AAEC')
    await client.call('VM.destroy', snapshot)
    await client.call('VTPM.destroy', reverted)
    expect(await secrets()).toBe(before)
  })
})

describe('Secure Boot', () => {
  test('is ready where firmware, setting and variables say so', async () => {
    const [vm] = await find(client, 'VM', halted)
    const readiness = (): Promise<string> => client.call('VM.get_secureboot_readiness', vm)
    await client.call('VM.set_HVM_boot_params', vm, { order: 'cdn', firmware: 'bios' })
    expect(await readiness()).toBe('not_supported')
    await client.call('VM.set_HVM_boot_params', vm, { order: 'cdn', firmware: 'uefi' })
    await client.call('VM.set_platform', vm, { secureboot: 'false' })
    expect(await readiness()).toBe('disabled')
    await client.call('VM.set_platform', vm, { secureboot: 'true' })
    await client.call('VM.set_NVRAM', vm, {})
    expect(await readiness()).toBe('first_boot')
    await client.call('VM.set_NVRAM', vm, { 'EFI-variables': 'AAAA' })
    expect(await readiness()).toBe('ready')
    const [pool] = await find(client, 'pool')
    expect(await client.call('pool.get_guest_secureboot_readiness', pool)).toBe('not_ready')
    expect((await client.refusal('VM.restart_device_models', vm))[0]).toBe('VM_BAD_POWER_STATE')
    await client.call('VM.restart_device_models', (await find(client, 'VM', running))[0])
  })
})

describe('a tunnel', () => {
  test('is made over an interface with an address, and gives its network a PIF', async () => {
    const network = await client.call('network.create', { name_label: 'far', name_description: '', other_config: {} })
    const [transport, { host }] = await find(client, 'PIF', ({ management }) => management)
    const [plain] = await find(client, 'PIF', (pif) => pif.host === host && pif.ip_configuration_mode === 'None')
    expect(await client.refusal('tunnel.create', plain, network, 'vxlan')).toEqual([
      'TRANSPORT_PIF_NOT_CONFIGURED',
      plain,
    ])
    const tunnel = await client.call('tunnel.create', transport, network, 'vxlan')
    const { access_PIF } = await client.call('tunnel.get_record', tunnel)
    expect(await client.call('PIF.get_record', access_PIF)).toMatchObject({
      device: 'tunnel0',
      host,
      network,
      tunnel_access_PIF_of: [tunnel],
    })
    expect(await client.call('PIF.get_tunnel_transport_PIF_of', transport)).toEqual([tunnel])
    expect((await client.refusal('tunnel.create', transport, network, 'gre'))[0]).toBe('NETWORK_ALREADY_CONNECTED')
    await client.call('tunnel.destroy', tunnel)
    expect(await client.call('network.get_PIFs', network)).toEqual([])
    expect(await client.call('PIF.get_tunnel_transport_PIF_of', transport)).toEqual([])
  })
})

describe('the management interface', () => {
  test('moves to another network on all hosts, or on none', async () => {
    const [pool] = await find(client, 'pool')
    expect(pool).toBeDefined()
    const managed = async (): Promise<Loose[]> =>
      Object.values<Loose>(await client.call('PIF.get_all_records')).filter(({ management }) => management)
    const hosts: Record<string, Loose> = await client.call('host.get_all_records')
    const before = (await managed()).map(({ network }) => network)
    const empty = await client.call('network.create', { name_label: 'none', name_description: '', other_config: {} })
    const [first] = Object.keys(hosts)
    expect(await client.refusal('pool.management_reconfigure', empty)).toEqual(['PIF_NOT_PRESENT', first, empty])
    const [, other] = await find(client, 'PIF', (pif) => !pif.management && pif.physical && pif.currently_attached)
    expect((await client.refusal('pool.management_reconfigure', other.network))[0]).toBe(
      'PIF_HAS_NO_NETWORK_CONFIGURATION',
    )
    for (const pif of await client.call('network.get_PIFs', other.network)) {
      await client.call('PIF.reconfigure_ip', pif, 'DHCP', '', '', '', '')
    }
    await client.call('pool.management_reconfigure', other.network)
    const after = await managed()
    expect(after.map(({ network }) => network)).toEqual(before.map(() => other.network))
    for (const { host, IP } of after) expect(IP).toBe(hosts[host].address)
  })
})
