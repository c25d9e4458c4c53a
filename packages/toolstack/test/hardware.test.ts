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

describe('PCI devices', () => {
  test('are passed through to a machine, which can not move then', async () => {
    const [host] = await find(client, 'host')
    const [gpu] = await find(client, 'PCI', (pci) => pci.host === host && pci.class_name === '3D controller')
    expect(await client.call('host.get_PCIs', host)).toContain(gpu)
    const [vm] = await find(client, 'VM', (each) => each.power_state === 'Halted' && !each.is_a_template)
    await client.call('VM.add_to_other_config', vm, 'pci', '0/0000:81:00.0')
    await client.call('VM.start', vm, false, false)
    const on = await client.call('VM.get_resident_on', vm)
    const [attached] = await client.call('VM.get_attached_PCIs', vm)
    expect(await client.call('PCI.get_host', attached)).toBe(on)
    expect(await client.refusal('VM.suspend', vm)).toEqual(['VM_HAS_PCI_ATTACHED', vm])
    const [elsewhere] = await find(client, 'host', ({ resident_VMs }) => !resident_VMs.includes(vm))
    expect(await client.refusal('VM.assert_can_boot_here', vm, elsewhere)).toEqual(['VM_HAS_PCI_ATTACHED', vm])
    expect(await client.refusal('host.assert_can_evacuate', on)).toEqual([
      'CANNOT_EVACUATE_HOST',
      `VM_HAS_PCI_ATTACHED|${vm}`,
    ])
    // Another machine gets the device of the other host, a third one none.
    const others = Object.entries(await client.call('VM.get_all_records'))
      .filter(([ref, each]: [string, Loose]) => ref !== vm && !each.is_a_template && !each.is_control_domain)
      .map(([ref]) => ref)
    const [second = '', third = ''] = others
    for (const other of [second, third]) {
      if ((await client.call('VM.get_power_state', other)) !== 'Halted') await client.call('VM.hard_shutdown', other)
      await client.call('VM.add_to_other_config', other, 'pci', '0/0000:81:00.0')
    }
    expect((await client.refusal('VM.assert_can_boot_here', second, on)).join(' ')).toMatch(/0000:81:00.0 is in use/)
    await client.call('VM.start', second, false, false)
    expect(await client.call('VM.get_resident_on', second)).toBe(elsewhere)
    expect(await client.refusal('VM.start', third, false, false)).toEqual(['NO_HOSTS_AVAILABLE'])
    await client.call('VM.remove_from_other_config', third, 'pci')
    await client.call('VM.add_to_other_config', third, 'pci', '0/0000:99:00.0')
    expect((await client.refusal('VM.assert_can_boot_here', third, on)).join(' ')).toMatch(/99:00.0 is not on the host/)
    await client.call('VM.hard_shutdown', second)
    await client.call('VM.hard_shutdown', vm)
    expect(await client.call('VM.get_attached_PCIs', vm)).toEqual([])
  })

  test('are hidden from the control domain with the next start of the host', async () => {
    const [, { master }] = await find(client, 'pool')
    const [host] = await find(client, 'host', (_each) => true)
    const [, member] = await client.call('host.get_all')
    expect([host, member]).toContain(master)
    const [gpu] = await find(client, 'PCI', (pci) => pci.host === member && pci.class_name === '3D controller')
    const status = (): Promise<string> => client.call('PCI.get_dom0_access_status', gpu)
    expect(await status()).toBe('enabled')
    expect(await client.call('PCI.disable_dom0_access', gpu)).toBe('disable_on_reboot')
    await client.call('host.disable', member)
    await client.call('host.evacuate', member)
    await client.call('host.reboot', member)
    expect(await status()).toBe('disabled')
    expect(await client.call('PCI.enable_dom0_access', gpu)).toBe('enable_on_reboot')
    expect(await client.call('PCI.disable_dom0_access', gpu)).toBe('disabled')
  })
})

/** A halted machine that is nothing else. */
async function halted(): Promise<string> {
  const [vm] = await find(client, 'VM', (each) => each.power_state === 'Halted' && !each.is_a_template)
  await client.call('VM.remove_from_other_config', vm, 'pci')
  return vm
}

describe('USB devices', () => {
  test('come with one machine at a time, which stays where they are', async () => {
    const vm = await halted()
    const [pusb, { host, USB_group }] = await find(client, 'PUSB', ({ vendor_id }) => vendor_id === '0529')
    const vusb = await client.call('VUSB.create', vm, USB_group, {})
    expect(await client.refusal('VUSB.create', vm, USB_group, {})).toEqual(['USB_GROUP_CONFLICT', USB_group])
    expect(await client.refusal('VM.assert_can_boot_here', vm, host)).toEqual(['VM_REQUIRES_VUSB', vm, USB_group])
    await client.call('PUSB.set_passthrough_enabled', pusb, true)
    await client.call('VM.start', vm, false, false)
    expect(await client.call('VM.get_resident_on', vm)).toBe(host)
    expect(await client.call('VUSB.get_currently_attached', vusb)).toBe(true)
    expect(await client.refusal('VM.suspend', vm)).toEqual(['VM_HAS_VUSBS', vm])
    expect(await client.refusal('PUSB.set_passthrough_enabled', pusb, false)).toEqual([
      'USB_ALREADY_ATTACHED',
      pusb,
      vm,
    ])
    expect((await client.refusal('VUSB.destroy', vusb))[0]).toBe('OPERATION_NOT_ALLOWED')
    await client.call('VUSB.unplug', vusb)
    await client.call('VUSB.destroy', vusb)
    await client.call('VM.hard_shutdown', vm)
    await client.call('PUSB.set_passthrough_enabled', pusb, false)
    expect(await client.call('USB_group.get_VUSBs', USB_group)).toEqual([])
  })
})

describe('graphics processors', () => {
  test('are shared as far as there is room, whole ones not at all', async () => {
    const [group, { PGPUs }] = await find(client, 'GPU_group', ({ name_label }) => name_label.includes('NVIDIA'))
    expect(PGPUs).toHaveLength(2)
    const [share] = await find(client, 'VGPU_type', ({ model_name }) => model_name === 'NVIDIA A16-8Q')
    const [whole] = await find(client, 'VGPU_type', ({ implementation }) => implementation === 'passthrough')
    expect(await client.call('GPU_group.get_remaining_capacity', group, share)).toBe(4)
    const vm = await halted()
    const vgpu = await client.call('VGPU.create', vm, group, '0', {}, share)
    expect(await client.refusal('VGPU.create', vm, group, '0', {}, share)).toEqual(['DEVICE_ALREADY_EXISTS', '0'])
    expect(await client.refusal('VGPU.create', vm, group, '1', {}, whole)).toEqual(['VGPU_TYPE_NOT_COMPATIBLE', whole])
    await client.call('VM.start', vm, false, false)
    const pgpu = await client.call('VGPU.get_resident_on', vgpu)
    expect(await client.call('PGPU.get_remaining_capacity', pgpu, share)).toBe(1)
    expect(await client.call('PGPU.get_remaining_capacity', pgpu, whole)).toBe(0)
    expect(await client.refusal('VGPU.destroy', vgpu)).toEqual([
      'OPERATION_NOT_ALLOWED',
      'vGPU currently attached to a running VM',
    ])
    const [elsewhere] = await find(client, 'host', ({ resident_VMs }) => !resident_VMs.includes(vm))
    expect(await client.refusal('VM.assert_can_boot_here', vm, elsewhere)).toEqual(['VM_HAS_VGPU', vm])
    const copy = await client.call('VM.snapshot', vm, 'with a GPU', [])
    expect(await client.call('VM.get_VGPUs', copy)).toHaveLength(1)
    await client.call('VM.hard_shutdown', vm)
    expect(await client.call('PGPU.get_resident_VGPUs', pgpu)).toEqual([])
    await client.call('VM.destroy', copy)
    await client.call('VGPU.destroy', vgpu)
  })
})

describe('a probe', () => {
  test('finds the NFS exports of a server, and the SR of one', async () => {
    const [host] = await find(client, 'host')
    const [sr, { uuid, PBDs }] = await find(client, 'SR', (each) => each.type === 'nfs')
    const { server, serverpath } = await client.call('PBD.get_device_config', PBDs[0])
    const [code, , , xml] = await client.refusal('SR.probe', host, { server }, 'nfs', {})
    expect(code).toBe('SR_BACKEND_FAILURE_101')
    expect(xml).toContain(`<Path>${serverpath}</Path>`)
    expect(await client.call('SR.probe', host, { server, serverpath }, 'nfs', {})).toContain(uuid)
    const empty = await client.call('SR.probe', host, { server, serverpath: '/export/free' }, 'nfs', {})
    expect(empty).toBe('<?xml version="1.0" ?>\n<SRlist>\n</SRlist>\n')
    const [found] = await client.call('SR.probe_ext', host, { server, serverpath }, 'nfs', {})
    expect(found).toMatchObject({ complete: true, sr: { uuid, health: 'healthy' } })
    expect(await client.call('SR.get_uuid', sr)).toBe(uuid)
    expect((await client.refusal('SR.probe', host, {}, 'nfs', {}))[0]).toBe('SR_BACKEND_FAILURE_90')
  })

  test('goes through an iSCSI target step by step, also with odd addresses', async () => {
    const [host] = await find(client, 'host')
    const target = '10.0.0.9<&'
    const [noIqn, , , targets] = await client.refusal('SR.probe', host, { target }, 'lvmoiscsi', {})
    expect(noIqn).toBe('SR_BACKEND_FAILURE_96')
    expect(targets).toContain('<IPAddress>10.0.0.9&lt;&amp;</IPAddress>')
    const targetIQN = /<TargetIQN>(.*)<\/TargetIQN>/.exec(targets ?? '')?.[1]
    const [noLun, , , luns] = await client.refusal('SR.probe', host, { target, targetIQN }, 'lvmoiscsi', {})
    expect(noLun).toBe('SR_BACKEND_FAILURE_107')
    const SCSIid = /<SCSIid>(.*)<\/SCSIid>/.exec(luns ?? '')?.[1]
    const config = { target, targetIQN, SCSIid }
    const before = await client.call('SR.probe', host, config, 'lvmoiscsi', {})
    expect(before).not.toContain('<UUID>')
    const sr = await client.call('SR.create', host, config, 0, 'iscsi', '', 'lvmoiscsi', 'user', true, {})
    expect(await client.call('SR.probe', host, config, 'lvmoiscsi', {})).toContain(await client.call('SR.get_uuid', sr))
  })
})

describe('updates', () => {
  test('are refused as by a host that reaches no repository', async () => {
    const [pool] = await find(client, 'pool')
    const [host] = await find(client, 'host')
    expect(await client.call('pool_update.get_all')).toEqual([])
    expect(await client.refusal('pool.sync_updates', pool, false, '', '')).toEqual(['NO_REPOSITORY_ENABLED'])
    expect(await client.refusal('Repository.introduce', 'r', '', 'ftp://x', '', true, '')).toEqual([
      'INVALID_BASE_URL',
      'ftp://x',
    ])
    const repository = await client.call(
      'Repository.introduce',
      'r',
      '',
      'https://repo.example/b',
      'https://repo.example/s',
      true,
      '',
    )
    expect((await client.refusal('Repository.introduce', 'r', '', 'https://repo.example/b', '', true, ''))[0]).toBe(
      'REPOSITORY_ALREADY_EXISTS',
    )
    await client.call('pool.add_repository', pool, repository)
    expect(await client.refusal('pool.sync_updates', pool, false, '', '')).toEqual(['REPOSYNC_FAILED'])
    expect(await client.refusal('host.apply_updates', host, 'hash')).toEqual(['UPDATEINFO_HASH_MISMATCH'])
    expect(await client.refusal('Repository.forget', repository)).toEqual(['REPOSITORY_IS_IN_USE'])
    await client.call('pool.remove_repository', pool, repository)
    await client.call('Repository.forget', repository)
    expect(await client.call('pool.check_update_readiness', pool, false)).toEqual([])
  })
})
