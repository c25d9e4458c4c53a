import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'

let toolstack: Toolstack
let client: TestClient

beforeAll(async () => {
  toolstack = await quickToolstack({ hosts: 2, vms: 10 })
  client = await logIn(toolstack.url)
})
afterAll(() => toolstack[Symbol.asyncDispose]())

/** A new machine with one disk and one interface. */
async function provision(name: string): Promise<string> {
  const [template] = await client.call('VM.get_by_name_label', 'Debian Bookworm 12')
  const [, pool] = await find(client, 'pool')
  const { uuid } = await client.call('SR.get_record', pool.default_SR)
  const vm: string = await client.call('VM.clone', template, name)
  await client.call('VM.remove_from_other_config', vm, 'disks')
  const disks = `<provision><disk device="0" size="10737418240" sr="${uuid}" bootable="true" type="system"/></provision>`
  await client.call('VM.add_to_other_config', vm, 'disks', disks)
  await client.call('VM.provision', vm)
  const [network] = await client.call('network.get_by_name_label', 'VLAN 20 servers')
  const config = { qos_algorithm_type: '', qos_algorithm_params: {}, other_config: {} }
  await client.call('VIF.create', { VM: vm, network, device: '0', MAC: '', MTU: 0, ...config })
  return vm
}

const state = (vm: string): Promise<string> => client.call('VM.get_power_state', vm)

describe('a machine', () => {
  test('is made of a template by the usual recipe', async () => {
    const vm = await provision('recipe')
    const record = await client.call('VM.get_record', vm)
    expect(record).toMatchObject({ is_a_template: false, is_default_template: false, power_state: 'Halted', domid: -1 })
    expect(record.other_config).toMatchObject({ base_template_name: 'Debian Bookworm 12' })
    expect(record.other_config).not.toHaveProperty('disks')
    const vbd = await client.call('VBD.get_record', record.VBDs[0])
    expect(vbd).toMatchObject({ bootable: true, type: 'Disk', other_config: { owner: '' } })
    expect(await client.call('VDI.get_record', vbd.VDI)).toMatchObject({
      virtual_size: 10737418240,
      VBDs: [record.VBDs[0]],
    })
  })

  test('goes through its power states, and lists what is allowed in each', async () => {
    const vm = await provision('power')
    const allowed = (): Promise<string[]> => client.call('VM.get_allowed_operations', vm)
    expect(await allowed()).toEqual(expect.arrayContaining(['start', 'clone', 'destroy', 'make_into_template']))
    await client.call('VM.start', vm, true, false)
    expect(await state(vm)).toBe('Paused')
    expect(await allowed()).toEqual(expect.arrayContaining(['unpause', 'hard_shutdown']))
    await client.call('VM.unpause', vm)
    const running = await client.call('VM.get_record', vm)
    expect(running).toMatchObject({ power_state: 'Running', domarch: 'x64' })
    expect(running.consoles).toHaveLength(2)
    expect(await client.call('VM_guest_metrics.get_networks', running.guest_metrics)).toHaveProperty('0/ip')
    expect(await client.call('host.get_resident_VMs', running.resident_on)).toContain(vm)
    await client.call('VM.suspend', vm)
    expect(await client.call('VM.get_resident_on', vm)).toBe('OpaqueRef:NULL')
    const image = await client.call('VM.get_suspend_VDI', vm)
    expect(await client.call('VDI.get_type', image)).toBe('suspend')
    await client.call('VM.resume', vm, false, false)
    expect(await client.refusal('VDI.get_record', image)).toEqual(['HANDLE_INVALID', 'VDI', image])
    await client.call('VM.clean_reboot', vm)
    expect(await client.call('VM.get_domid', vm)).toBeGreaterThan(running.domid)
    await client.call('VM.clean_shutdown', vm)
    const halted = await client.call('VM.get_record', vm)
    expect(halted).toMatchObject({ power_state: 'Halted', domid: -1, resident_on: 'OpaqueRef:NULL', consoles: [] })
    expect(await client.call('VBD.get_currently_attached', halted.VBDs[0])).toBe(false)
  })

  test.each([
    ['VM.pause', [], ['VM_BAD_POWER_STATE', 'running', 'halted']],
    ['VM.resume', [false, false], ['VM_BAD_POWER_STATE', 'suspended', 'halted']],
    ['VM.hard_shutdown', [], ['VM_BAD_POWER_STATE', 'paused, suspended, running', 'halted']],
  ])('that is halted refuses %s', async (method, params, [code, expected, actual]) => {
    const [vm] = await find(client, 'VM', (each) => each.power_state === 'Halted' && !each.is_a_template)
    expect(await client.refusal(method, vm, ...params)).toEqual([code, vm, expected, actual])
  })

  test('is refused what its owner blocked, before anything else', async () => {
    const vm = await provision('blocked')
    await client.call('VM.set_blocked_operations', vm, { start: 'because', pause: 'never' })
    expect(await client.refusal('VM.start', vm, false, false)).toEqual(['OPERATION_BLOCKED', vm, 'because'])
    expect(await client.refusal('VM.pause', vm)).toEqual(['OPERATION_BLOCKED', vm, 'never'])
    expect(await client.call('VM.get_allowed_operations', vm)).not.toContain('start')
  })

  test('that is a template does not start, and a default one is not destroyed', async () => {
    const [template] = await find(client, 'VM', (vm) => vm.is_default_template)
    expect(await client.refusal('VM.start', template, false, false)).toEqual(['VM_IS_TEMPLATE', template, 'start'])
    expect((await client.refusal('VM.destroy', template))[0]).toBe('VM_IS_TEMPLATE')
  })

  test('has snapshots in a tree, and goes back to one', async () => {
    const vm = await provision('snapshots')
    await client.call('VM.start', vm, false, false)
    const first = await client.call('VM.snapshot', vm, 'first')
    const second = await client.call('VM.checkpoint', vm, 'second')
    expect(await state(vm)).toBe('Running')
    expect(await client.call('VM.get_record', first)).toMatchObject({
      is_a_snapshot: true,
      is_a_template: true,
      power_state: 'Halted',
      snapshot_of: vm,
      children: [second],
      snapshot_info: { 'power-state-at-snapshot': 'Running' },
    })
    expect(await client.call('VM.get_record', second)).toMatchObject({
      power_state: 'Suspended',
      parent: first,
      children: [vm],
    })
    const [vbd] = await client.call('VM.get_VBDs', vm)
    const before = await client.call('VBD.get_VDI', vbd)
    const snapshots = await client.call('VDI.get_snapshots', before)
    expect(snapshots).toHaveLength(2)
    expect(await client.call('VDI.get_virtual_size', snapshots[0])).toBe(10737418240)
    await client.call('VM.revert', first)
    expect(await state(vm)).toBe('Halted')
    const after = await client.call('VBD.get_VDI', (await client.call('VM.get_VBDs', vm))[0])
    expect(after).not.toBe(before)
    expect(await client.call('VDI.get_snapshots', after)).toHaveLength(2)
    await client.call('VM.revert', second)
    expect(await state(vm)).toBe('Suspended')
    expect(await client.refusal('VM.start', second, false, false)).toEqual([
      'VM_BAD_POWER_STATE',
      second,
      'halted',
      'suspended',
    ])
    expect(await client.refusal('VM.start', first, false, false)).toEqual(['VM_IS_SNAPSHOT', first, 'start'])
  })

  test('leaves its disks when it is destroyed', async () => {
    const vm = await provision('destroyed')
    const { VBDs, metrics } = await client.call('VM.get_record', vm)
    const vdi = await client.call('VBD.get_VDI', VBDs[0])
    await client.call('VM.destroy', vm)
    expect(await client.refusal('VM.get_record', vm)).toEqual(['HANDLE_INVALID', 'VM', vm])
    expect(await client.refusal('VBD.get_record', VBDs[0])).toEqual(['HANDLE_INVALID', 'VBD', VBDs[0]])
    expect(await client.refusal('VM_metrics.get_record', metrics)).toEqual(['HANDLE_INVALID', 'VM_metrics', metrics])
    expect(await client.call('VDI.get_VBDs', vdi)).toEqual([])
  })

  test('keeps its memory limits in order', async () => {
    const vm = await provision('memory')
    expect((await client.refusal('VM.set_memory_static_max', vm, 1024))[0]).toBe('MEMORY_CONSTRAINT_VIOLATION')
    await client.call('VM.set_memory_limits', vm, 1, 4096, 2, 4096)
    expect(await client.call('VM.get_record', vm)).toMatchObject({
      memory_static_min: 1,
      memory_dynamic_min: 2,
      memory_static_max: 4096,
    })
    expect((await client.refusal('VM.set_VCPUs_at_startup', vm, 9))[0]).toBe('INVALID_VALUE')
  })

  test('does not start where there is no memory for it', async () => {
    const vm = await provision('large')
    await client.call('VM.set_memory_limits', vm, 2 ** 30, 2 ** 45, 2 ** 45, 2 ** 45)
    expect(await client.refusal('VM.start', vm, false, false)).toEqual(['NO_HOSTS_AVAILABLE'])
    const [host] = await client.call('host.get_all')
    const [code, needed] = await client.refusal('VM.start_on', vm, host, false, false)
    expect([code, Number(needed) >= 2 ** 45]).toEqual(['HOST_NOT_ENOUGH_FREE_MEMORY', true])
  })

  test('moves to another host', async () => {
    const vm = await provision('moving')
    const [first, second] = await client.call('host.get_all')
    await client.call('VM.start_on', vm, first, false, false)
    const free = Number(await client.call('host.compute_free_memory', first))
    await client.call('VM.pool_migrate', vm, second, { live: 'true' })
    expect(await client.call('VM.get_resident_on', vm)).toBe(second)
    expect(Number(await client.call('host.compute_free_memory', first))).toBeGreaterThan(free)
    const [console] = await client.call('VM.get_consoles', vm)
    expect(await client.call('console.get_location', console)).toContain('127.0.1.2')
  })
})

describe('operations', () => {
  test('show in current_operations while they last, and keep others waiting or out', async () => {
    await using slow = await quickToolstack({ vms: 3, delays: { methods: { 'VM.start': 400 } }, conflictWait: 50 })
    const other = await logIn(slow.url)
    const [vm] = await find(other, 'VM', (each) => each.power_state === 'Halted' && !each.is_a_template)
    const task = await other.call('Async.VM.start', vm, false, false)
    expect(await other.call('VM.get_current_operations', vm)).toEqual({ [task]: 'start' })
    expect(await other.call('VM.get_allowed_operations', vm)).not.toContain('clone')
    expect(await other.refusal('VM.clone', vm, 'x')).toEqual(['OTHER_OPERATION_IN_PROGRESS', 'VM', vm, 'start', task])
  })

  test('are cancelled through their task', async () => {
    await using slow = await quickToolstack({ vms: 3, delays: { all: 5000 } })
    const other = await logIn(slow.url)
    const [vm] = await find(other, 'VM', (each) => each.power_state === 'Halted' && !each.is_a_template)
    const task = await other.call('Async.VM.start', vm, false, false)
    await other.call('task.cancel', task)
    const wait = async (): Promise<Loose> => {
      const record = await other.call('task.get_record', task)
      return record.status === 'pending' ? await wait() : record
    }
    expect(await wait()).toMatchObject({ status: 'cancelled', error_info: ['TASK_CANCELLED', task], progress: 1 })
    expect(await other.call('VM.get_current_operations', vm)).toEqual({})
    expect(await other.call('VM.get_power_state', vm)).toBe('Halted')
  })

  test('end in a task whose result is XML-RPC text', async () => {
    const [template] = await client.call('VM.get_by_name_label', 'Generic Linux UEFI')
    const task = await client.task('VM.clone', template, 'by task')
    expect(task).toMatchObject({ status: 'success', progress: 1, error_info: [] })
    expect(task.result).toMatch(/^<value>OpaqueRef:.*<\/value>$/)
    const failed = await client.task('VM.start', template, false, false)
    expect(failed).toMatchObject({ status: 'failure', result: '', error_info: ['VM_IS_TEMPLATE', template, 'start'] })
  })
})
