import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'
import { put } from './transfers.ts'

let toolstack: Toolstack
let here: TestClient
let there: TestClient

beforeAll(async () => {
  toolstack = await quickToolstack({ pools: 2, hosts: 2, vms: 6, debugPort: 0 })
  here = await logIn(toolstack.pools[0]!.url)
  there = await logIn(toolstack.pools[1]!.url)
})
afterAll(() => toolstack[Symbol.asyncDispose]())

/** A machine with a small disk, an interface and a drive. */
async function machine(name: string): Promise<{ vm: string; vdi: string; vif: string; vbd: string }> {
  const [template] = await here.call('VM.get_by_name_label', 'Generic Linux UEFI')
  const vm: string = await here.call('VM.clone', template, name)
  await here.call('VM.remove_from_other_config', vm, 'disks')
  await here.call('VM.provision', vm)
  const [sr] = await find(here, 'SR', (each) => each.type === 'nfs')
  const vdi: string = await here.call('VDI.create', {
    SR: sr,
    virtual_size: 4 * 1024 * 1024,
    name_label: name,
    name_description: '',
    type: 'user',
    sharable: false,
    read_only: false,
    other_config: {},
    sm_config: {},
    xenstore_data: {},
    tags: [],
  })
  const qos = { qos_algorithm_type: '', qos_algorithm_params: {}, other_config: {} }
  const vbd: string = await here.call('VBD.create', {
    VM: vm,
    VDI: vdi,
    userdevice: '0',
    bootable: true,
    mode: 'RW',
    type: 'Disk',
    unpluggable: true,
    empty: false,
    ...qos,
  })
  const [network] = await here.call('network.get_by_name_label', 'VLAN 20 servers')
  const vif: string = await here.call('VIF.create', { VM: vm, network, device: '0', MAC: '', MTU: 0, ...qos })
  return { vm, vdi, vif, vbd }
}

interface Destination {
  readonly dest: Loose
  readonly sr: string
  readonly network: string
  readonly host: string
}

async function destination(): Promise<Destination> {
  const [host] = await find(there, 'host')
  const [network] = await there.call('network.get_by_name_label', 'VLAN 20 servers')
  const [sr] = await find(there, 'SR', (each) => each.type === 'nfs')
  return { dest: await there.call('host.migrate_receive', host, network, {}), sr, network, host }
}

async function bytesOf(client: TestClient, vdi: string): Promise<Buffer> {
  const response = await fetch(`${client.url}/export_raw_vdi?session_id=${client.session}&vdi=${vdi}&format=raw`)
  return Buffer.from(await response.arrayBuffer())
}

describe('a machine that goes to another pool', () => {
  test('takes its disks, snapshots and addresses along, and goes on running', async () => {
    const { vm, vdi, vif } = await machine('traveller')
    const content = Buffer.alloc(4 * 1024 * 1024, 'nixen')
    await put(here, '/import_raw_vdi', Readable.from([content]), {
      length: content.length,
      query: { vdi, format: 'raw' },
    })
    await here.call('VM.start', vm, false, false)
    const snapshot = await here.call('VM.snapshot', vm, 'before')
    const before = await here.call('VM.get_record', vm)
    const { MAC } = await here.call('VIF.get_record', vif)
    const { dest, sr, network, host } = await destination()
    await here.call('VM.assert_can_migrate', vm, dest, true, { [vdi]: sr }, { [vif]: network }, {})
    const task = await here.task('VM.migrate_send', vm, dest, true, { [vdi]: sr }, { [vif]: network }, {})
    expect(task).toMatchObject({ status: 'success', progress: 1 })
    expect(await here.refusal('VM.get_record', vm)).toEqual(['HANDLE_INVALID', 'VM', vm])
    for (const [cls, ref] of [
      ['VM', snapshot],
      ['VDI', vdi],
      ['VIF', vif],
      ['VM_metrics', before.metrics],
    ]) {
      expect((await here.refusal(`${cls}.get_record`, ref))[0]).toBe('HANDLE_INVALID')
    }
    const moved = await there.call('VM.get_by_uuid', before.uuid)
    expect(task.result).toBe(`<value>${moved}</value>`)
    const after = await there.call('VM.get_record', moved)
    expect(after).toMatchObject({ name_label: 'traveller', power_state: 'Running', resident_on: host })
    expect(after.snapshots).toHaveLength(1)
    // A screen and a serial line.
    expect(after.consoles).toHaveLength(2)
    expect(await there.call('VIF.get_record', after.VIFs[0])).toMatchObject({ MAC, network, currently_attached: true })
    const disk = await there.call('VBD.get_VDI', after.VBDs[0])
    await there.call('VM.clean_shutdown', moved)
    expect((await bytesOf(there, disk)).equals(content)).toBe(true)
    expect(await there.call('VDI.get_snapshots', disk)).toHaveLength(1)
  })

  test('may leave a copy of itself', async () => {
    const { vm, vdi, vif } = await machine('copied')
    const { dest, sr, network } = await destination()
    const copy = await here.call(
      'VM.migrate_send',
      vm,
      dest,
      false,
      { [vdi]: sr },
      { [vif]: network },
      { copy: 'true' },
    )
    expect(await there.call('VM.get_power_state', copy)).toBe('Halted')
    expect(await there.call('VM.get_uuid', copy)).not.toBe(await here.call('VM.get_uuid', vm))
  })

  test('is refused as a host does', async () => {
    const { vm, vdi, vif } = await machine('stays')
    const { dest, sr, network } = await destination()
    const otherHost = async (host: string): Promise<string> =>
      (await there.call('host.get_all')).find((ref: string) => ref !== host)
    const send = (
      changes: Loose,
      vdis: Loose = { [vdi]: sr },
      vifs: Loose = { [vif]: network },
    ): Promise<readonly string[]> => here.refusal('VM.migrate_send', vm, { ...dest, ...changes }, true, vdis, vifs, {})
    expect(await send({ session_id: 'OpaqueRef:old' })).toEqual(['SESSION_INVALID', 'OpaqueRef:old'])
    expect(await send({}, {})).toEqual(['VDI_NOT_IN_MAP', vdi])
    expect(await send({}, undefined, {})).toEqual(['VIF_NOT_IN_MAP', vif])
    expect((await send({ host: 'OpaqueRef:none' }))[0]).toBe('VM_MIGRATE_FAILED')
    const [local] = await find(there, 'SR', (each) => each.type === 'ext')
    const [pbd] = await there.call('SR.get_PBDs', local)
    const owner = await there.call('PBD.get_host', pbd)
    const other = await there.call('host.migrate_receive', await otherHost(owner), network, {})
    expect(await send(other, { [vdi]: local })).toEqual(['HOST_CANNOT_SEE_SR', other.host, local])
    await here.call('VDI.enable_cbt', vdi)
    expect(await send({})).toEqual(['VDI_CBT_ENABLED', vdi])
    expect(await there.call('VM.get_by_name_label', 'stays')).toEqual([])
  })
})
