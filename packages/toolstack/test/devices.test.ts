import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'

let toolstack: Toolstack
let client: TestClient
let nfs: string
let running: string
let halted: string

beforeAll(async () => {
  toolstack = await quickToolstack({ hosts: 2, vms: 12 })
  client = await logIn(toolstack.url)
  nfs = (await find(client, 'SR', (sr) => sr.type === 'nfs'))[0]
  const [isRunning] = await find(
    client,
    'VM',
    (vm) => vm.power_state === 'Running' && !vm.is_control_domain && vm.guest_metrics !== 'OpaqueRef:NULL',
  )
  running = isRunning
  halted = (await find(client, 'VM', (vm) => vm.power_state === 'Halted' && !vm.is_a_template))[0]
})
afterAll(() => toolstack[Symbol.asyncDispose]())

const qos = { qos_algorithm_type: '', qos_algorithm_params: {}, other_config: {} }
const newVdi = (fields: object = {}): Promise<string> =>
  client.call('VDI.create', {
    name_label: 'disk',
    SR: nfs,
    virtual_size: 1 << 30,
    type: 'user',
    sharable: false,
    read_only: false,
    other_config: {},
    ...fields,
  })
const newVbd = (VM: string, VDI: string, fields: object = {}): Promise<string> =>
  client.call('VBD.create', {
    VM,
    VDI,
    userdevice: 'autodetect',
    bootable: false,
    mode: 'RW',
    type: 'Disk',
    empty: false,
    ...qos,
    ...fields,
  })

describe('a VBD', () => {
  test('is plugged into a running machine and out again', async () => {
    const vdi = await newVdi()
    const vbd = await newVbd(running, vdi)
    await client.call('VBD.plug', vbd)
    expect(await client.call('VBD.get_record', vbd)).toMatchObject({
      currently_attached: true,
      device: expect.stringMatching(/^xvd[a-z]$/),
    })
    expect(await client.refusal('VBD.plug', vbd)).toEqual(['DEVICE_ALREADY_ATTACHED', vbd])
    expect(await client.refusal('VDI.destroy', vdi)).toEqual(['VDI_IN_USE', vdi, 'destroy'])
    expect(await client.call('VDI.get_allowed_operations', vdi)).not.toContain('destroy')
    await client.call('VBD.unplug', vbd)
    expect(await client.refusal('VBD.unplug', vbd)).toEqual(['DEVICE_ALREADY_DETACHED', vbd])
    expect(await client.call('VDI.get_allowed_operations', vdi)).toContain('destroy')
    await client.call('VDI.destroy', vdi)
    expect(await client.refusal('VBD.get_record', vbd)).toEqual(['HANDLE_INVALID', 'VBD', vbd])
  })

  test('of a halted machine is not plugged', async () => {
    const vbd = await newVbd(halted, await newVdi())
    expect(await client.refusal('VBD.plug', vbd)).toEqual(['VM_BAD_POWER_STATE', halted, 'running', 'halted'])
  })

  test('is not plugged when another machine writes to its disk', async () => {
    const vdi = await newVdi()
    const first = await newVbd(running, vdi)
    await client.call('VBD.plug', first)
    const [other] = await find(
      client,
      'VM',
      (vm) =>
        vm.power_state === 'Running' &&
        !vm.is_control_domain &&
        vm.uuid &&
        vm.guest_metrics !== 'OpaqueRef:NULL' &&
        !vm.VBDs.includes(first),
    )
    const second = await newVbd(other, vdi)
    expect((await client.refusal('VBD.plug', second))[0]).toBe('VDI_IN_USE')
  })

  test('takes a free device, or the one asked for', async () => {
    const { VBDs } = await client.call('VM.get_record', halted)
    const used = await Promise.all(VBDs.map((ref: string) => client.call('VBD.get_userdevice', ref)))
    const vdi = await newVdi()
    expect(
      await client.refusal('VBD.create', {
        VM: halted,
        VDI: vdi,
        userdevice: used[0],
        bootable: false,
        mode: 'RW',
        type: 'Disk',
        empty: false,
        ...qos,
      }),
    ).toEqual(['DEVICE_ALREADY_EXISTS', used[0]])
    expect(await client.call('VM.get_allowed_VBD_devices', halted)).not.toContain(used[0])
    expect(
      await client.refusal('VBD.create', {
        VM: halted,
        VDI: vdi,
        userdevice: '999',
        bootable: false,
        mode: 'RW',
        type: 'Disk',
        empty: false,
        ...qos,
      }),
    ).toEqual(['INVALID_DEVICE', '999'])
  })

  test('that is a CD drive takes and gives discs', async () => {
    const [drive] = await find(client, 'VBD', (vbd) => vbd.type === 'CD' && vbd.empty && vbd.VM === running)
    const [iso] = await find(client, 'VDI', (vdi) => vdi.name_label.endsWith('.iso'))
    expect(await client.refusal('VBD.eject', drive)).toEqual(['VBD_IS_EMPTY', drive])
    await client.call('VBD.insert', drive, iso)
    expect(await client.call('VBD.get_record', drive)).toMatchObject({ empty: false, VDI: iso })
    expect(await client.refusal('VBD.insert', drive, iso)).toEqual(['VBD_NOT_EMPTY', drive])
    await client.call('VBD.eject', drive)
    expect(await client.call('VBD.get_VDI', drive)).toBe('OpaqueRef:NULL')
    const [disk] = await find(client, 'VBD', (vbd) => vbd.type === 'Disk' && vbd.VM === running)
    expect(await client.refusal('VBD.eject', disk)).toEqual(['VBD_NOT_REMOVABLE_MEDIA', disk])
  })
})

describe('a VDI', () => {
  test('grows, is cloned, and has snapshots', async () => {
    const vdi = await newVdi()
    await client.call('VDI.resize', vdi, 2 ** 31)
    expect(await client.call('VDI.get_virtual_size', vdi)).toBe(2 ** 31)
    expect((await client.refusal('VDI.resize', vdi, 1))[0]).toBe('VDI_TOO_SMALL')
    const snapshot = await client.call('VDI.snapshot', vdi)
    expect(await client.call('VDI.get_record', snapshot)).toMatchObject({
      is_a_snapshot: true,
      snapshot_of: vdi,
      SR: nfs,
    })
    expect(await client.refusal('VDI.enable_cbt', snapshot)).toEqual(['OPERATION_NOT_ALLOWED', 'VDI is a snapshot'])
    const clone = await client.call('VDI.clone', vdi)
    expect(await client.call('VDI.get_record', clone)).toMatchObject({ is_a_snapshot: false, virtual_size: 2 ** 31 })
  })

  test('is not made on an SR that can not make disks, or has no PBD', async () => {
    const [udev] = await find(client, 'SR', (sr) => sr.type === 'udev')
    expect(
      await client.refusal('VDI.create', {
        name_label: '',
        SR: udev,
        virtual_size: 1,
        type: 'user',
        sharable: false,
        read_only: false,
        other_config: {},
      }),
    ).toEqual(['SR_OPERATION_NOT_SUPPORTED', udev])
    const uuid = '6d4f6c1e-7d9d-4f5c-9a3a-3a6d3b0f9f11'
    const sr = await client.call('SR.introduce', uuid, 'new', '', 'nfs', 'user', true, {})
    expect(
      await client.refusal('VDI.create', {
        name_label: '',
        SR: sr,
        virtual_size: 1,
        type: 'user',
        sharable: false,
        read_only: false,
        other_config: {},
      }),
    ).toEqual(['SR_HAS_NO_PBDS', sr])
    expect(await client.refusal('SR.introduce', uuid, 'again', '', 'nfs', 'user', true, {})).toEqual([
      'SR_UUID_EXISTS',
      uuid,
    ])
  })
})

describe('an SR', () => {
  test('is created with PBDs, unplugged, and destroyed', async () => {
    const [host] = await client.call('host.get_all')
    const sr = await client.call(
      'SR.create',
      host,
      { server: 's', serverpath: '/p' },
      0,
      'shared',
      '',
      'nfs',
      'user',
      true,
      {},
    )
    const { PBDs } = await client.call('SR.get_record', sr)
    expect(PBDs).toHaveLength(2)
    expect(await client.refusal('SR.destroy', sr)).toEqual(['SR_HAS_PBD', sr])
    for (const pbd of PBDs) await client.call('PBD.unplug', pbd)
    expect(await client.call('SR.get_allowed_operations', sr)).toEqual(expect.arrayContaining(['destroy', 'forget']))
    await client.call('SR.destroy', sr)
    expect(await client.refusal('PBD.get_record', PBDs[0])).toEqual(['HANDLE_INVALID', 'PBD', PBDs[0]])
    expect(await client.refusal('SR.create', host, {}, 0, 'x', '', 'floppy', 'user', false, {})).toEqual([
      'SR_UNKNOWN_DRIVER',
      'floppy',
    ])
  })

  test('is not unplugged from a host that uses it', async () => {
    const { resident_on, VBDs } = await client.call('VM.get_record', running)
    const disks = await Promise.all(VBDs.map((ref: string) => client.call('VBD.get_record', ref)))
    const vdi = disks.find((vbd: Loose) => vbd.type === 'Disk' && vbd.currently_attached).VDI
    const sr = await client.call('VDI.get_SR', vdi)
    const [pbd] = await find(client, 'PBD', (each) => each.SR === sr && each.host === resident_on)
    expect((await client.refusal('PBD.unplug', pbd))[0]).toBe('VDI_IN_USE')
  })
})

describe('a VIF', () => {
  test('has a MAC address from the seed of its machine, unless one is given', async () => {
    const [network] = await client.call('network.get_all')
    const make = (device: string, MAC: string): Promise<string> =>
      client.call('VIF.create', { VM: halted, network, device, MAC, MTU: 0, ...qos })
    const vif = await make('4', '')
    const { MAC, MAC_autogenerated } = await client.call('VIF.get_record', vif)
    expect([MAC, MAC_autogenerated]).toEqual([expect.stringMatching(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/), true])
    expect(Number.parseInt(MAC.slice(0, 2), 16) & 3).toBe(2)
    await client.call('VIF.destroy', vif)
    expect(await client.call('VIF.get_MAC', await make('4', ''))).toBe(MAC)
    expect(await client.refusal('VIF.create', { VM: halted, network, device: '4', MAC: '', MTU: 0, ...qos })).toEqual([
      'DEVICE_ALREADY_EXISTS',
      '4',
    ])
    expect(
      await client.refusal('VIF.create', { VM: halted, network, device: '5', MAC: 'nonsense', MTU: 0, ...qos }),
    ).toEqual(['MAC_INVALID', 'nonsense'])
    expect(await client.refusal('VIF.create', { VM: halted, network, device: '99', MAC: '', MTU: 0, ...qos })).toEqual([
      'INVALID_DEVICE',
      '99',
    ])
  })
})

describe('networks', () => {
  test('are joined to all hosts by a VLAN, and not twice', async () => {
    const network = await client.call('network.create', { name_label: 'vlan 99', other_config: {} })
    const pifs = await client.call('pool.create_VLAN', 'eth1', network, 99)
    expect(pifs).toHaveLength(2)
    const { VLAN, VLAN_master_of } = await client.call('PIF.get_record', pifs[0])
    expect(VLAN).toBe(99)
    expect((await client.refusal('pool.create_VLAN', 'eth1', network, 99))[0]).toBe('PIF_VLAN_EXISTS')
    expect((await client.refusal('network.destroy', network))[0]).toBe('NETWORK_CONTAINS_PIF')
    await client.call('VLAN.destroy', VLAN_master_of)
    await client.call('PIF.destroy', pifs[1])
    await client.call('network.destroy', network)
  })

  test('are bonded, and the bond gives back what it took', async () => {
    const [host] = await client.call('host.get_all')
    const nics = Object.entries(await client.call('PIF.get_all_records')).filter(
      ([, pif]: Loose) => pif.host === host && pif.physical,
    )
    const [eth0, eth1] = nics.map(([ref]) => ref)
    const network = await client.call('network.create', { name_label: 'bond', other_config: {} })
    const { IP } = await client.call('PIF.get_record', eth0)
    const bond = await client.call('Bond.create', network, [eth0, eth1], '', 'active-backup', {})
    const { master, slaves } = await client.call('Bond.get_record', bond)
    expect(slaves).toHaveLength(2)
    expect(await client.call('PIF.get_record', master)).toMatchObject({ management: true, IP, device: 'bond0' })
    expect((await client.refusal('Bond.create', network, [eth0, eth1], '', 'lacp', {}))[0]).toBe('PIF_ALREADY_BONDED')
    await client.call('Bond.destroy', bond)
    expect(await client.call('PIF.get_record', eth0)).toMatchObject({
      management: true,
      IP,
      bond_slave_of: 'OpaqueRef:NULL',
    })
  })
})

describe('hosts', () => {
  test('are emptied before they go down', async () => {
    const [, { master }] = await find(client, 'pool')
    const [other] = await find(client, 'host', (host) => host.enabled && !host.address.endsWith('.1'))
    expect(await client.refusal('host.reboot', other)).toEqual(['HOST_NOT_DISABLED'])
    await client.call('host.disable', other)
    expect(await client.refusal('VM.start_on', halted, other, false, false)).toEqual(['HOST_DISABLED', other])
    await client.call('host.enable', other)
    const resident = (await client.call('host.get_resident_VMs', other)).length
    expect(resident).toBeGreaterThan(1)
    expect(master).not.toBe(other)
  })
})

describe('storage migration', () => {
  test('moves a running machine with its disks to another SR', async () => {
    const [archive] = await find(client, 'SR', (sr) => sr.name_label.endsWith('archive'))
    const [vm, record] = await find(
      client,
      'VM',
      (each) => each.power_state === 'Running' && !each.is_control_domain && each.guest_metrics !== 'OpaqueRef:NULL',
    )
    const host = record.resident_on
    const [network] = await client.call('network.get_all')
    const dest = await client.call('host.migrate_receive', host, network, {})
    const disks = (await Promise.all(record.VBDs.map((ref: string) => client.call('VBD.get_record', ref)))).filter(
      (vbd: Loose) => vbd.type === 'Disk',
    )
    const vdiMap = Object.fromEntries(disks.map((vbd: Loose) => [vbd.VDI, archive]))
    await client.call('VM.assert_can_migrate', vm, dest, true, vdiMap, {}, {})
    const task = await client.task('VM.migrate_send', vm, dest, true, vdiMap, {}, {})
    expect(task).toMatchObject({ status: 'success', result: `<value>${vm}</value>` })
    const after: Loose[] = await Promise.all(record.VBDs.map((ref: string) => client.call('VBD.get_record', ref)))
    const moved = after.filter((vbd) => vbd.type === 'Disk')
    expect(moved.every((vbd) => vbd.currently_attached)).toBe(true)
    expect(new Set(await Promise.all(moved.map((vbd) => client.call('VDI.get_SR', vbd.VDI))))).toEqual(
      new Set([archive]),
    )
  })
})
