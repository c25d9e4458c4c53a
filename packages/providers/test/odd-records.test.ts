import { inventorySchemas, typeOfId, type InventoryObjects, type ResourceId, type ResourceType } from '@nixen/api'
import { startScriptedXapi, type ScriptedXapi } from '@nixen/testkit'
import { describe, expect, test } from 'vitest'
import { Reader } from '../src/conformance/index.ts'
import { xapiProvider } from '../src/index.ts'
import { specAt } from './connect.ts'

/** A host that sends whatever it is told to, and a reader of it. */
async function reading() {
  const server = await startScriptedXapi()
  const reader = new Reader({ provider: xapiProvider, spec: specAt(server.url) })
  await reader.until(() => reader.synced > 0)
  return {
    server,
    reader,
    async [Symbol.asyncDispose]() {
      await reader[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

function machine(server: ScriptedXapi): string {
  const ref = server.db.refs('VM').find((each) => {
    const vm = server.db.get('VM', each)
    const shown = vm?.['is_a_template'] === false && vm['is_control_domain'] === false
    return shown && vm['power_state'] === 'Running' && vm['guest_metrics'] !== 'OpaqueRef:NULL'
  })
  if (ref === undefined) throw new Error('no VM')
  return ref
}

function objectOf<T extends ResourceType>(reader: Reader, type: T, uuid: unknown): InventoryObjects[T] {
  // The id says the type.
  return reader.objects.get(`${type}.test.${String(uuid)}` as ResourceId<T>) as InventoryObjects[T]
}

describe('records of hosts newer than this', () => {
  test('with unknown values of enumerations are shown as far as they are known', async () => {
    await using setup = await reading()
    const { server, reader } = setup
    const vm = machine(server)
    const uuid = server.db.get('VM', vm)?.['uuid']
    server.db.update('VM', vm, {
      power_state: 'Dreaming',
      domain_type: 'quantum',
      ha_restart_priority: 'eventually',
      current_operations: { 'OpaqueRef:x': 'teleport_away' },
      a_field_of_tomorrow: { nested: ['x'] },
    })
    await reader.until(() => objectOf(reader, 'vm', uuid).power === 'unknown')
    const object = objectOf(reader, 'vm', uuid)
    expect(object).toMatchObject({ power: 'unknown', ha: 'off', busy: ['teleport-away'] })
    expect(inventorySchemas.vm.safeParse(object).error).toBeUndefined()
  })

  test('with names of 2 MB and of any characters pass', async () => {
    await using setup = await reading()
    const { server, reader } = setup
    const vm = machine(server)
    const uuid = server.db.get('VM', vm)?.['uuid']
    for (const name of ['ü'.repeat(2 ** 20), '', '__proto__', '\u0000\n"\\', '😀']) {
      server.db.update('VM', vm, { name_label: name })
      await reader.until(() => objectOf(reader, 'vm', uuid).name === name)
    }
    expect(reader.violations).toEqual([])
  })

  test('with references to nothing leave the field out', async () => {
    await using setup = await reading()
    const { server, reader } = setup
    const vm = machine(server)
    const uuid = server.db.get('VM', vm)?.['uuid']
    const gone = 'OpaqueRef:00000000-0000-0000-0000-000000000000'
    server.db.update('VM', vm, { resident_on: gone, affinity: gone, guest_metrics: gone, metrics: gone })
    await reader.until(() => objectOf(reader, 'vm', uuid).host === undefined)
    const object = objectOf(reader, 'vm', uuid)
    expect(object).not.toHaveProperty('homeHost')
    expect(object.ips).toEqual([])
  })

  test('with sizes that make no sense leave the field out', async () => {
    await using setup = await reading()
    const { server, reader } = setup
    const [sr = ''] = server.db.refs('SR')
    const uuid = server.db.get('SR', sr)?.['uuid']
    server.db.update('SR', sr, { physical_size: -1, physical_utilisation: -1, name_label: 'odd' })
    await reader.until(() => objectOf(reader, 'storage', uuid).name === 'odd')
    expect(objectOf(reader, 'storage', uuid)).not.toHaveProperty('size')
    expect(inventorySchemas.storage.safeParse(objectOf(reader, 'storage', uuid)).error).toBeUndefined()
  })

  test('without a uuid are named by their reference', async () => {
    await using setup = await reading()
    const { server, reader } = setup
    const [network = ''] = server.db.refs('network')
    const blank = { ...server.db.get('network', network), uuid: '', name_label: 'nameless', VIFs: [], PIFs: [] }
    server.db.insert('network', 'OpaqueRef:nameless', blank)
    await reader.until(() => [...reader.objects.values()].some(({ name }) => name === 'nameless'))
    const found = [...reader.objects.values()].find(({ name }) => name === 'nameless')
    expect(inventorySchemas.network.safeParse(found).error).toBeUndefined()
    server.db.remove('network', 'OpaqueRef:nameless')
    await reader.until(() => ![...reader.objects.values()].some(({ name }) => name === 'nameless'))
  })
})

describe('a change of one record', () => {
  test('is told as the resources that are made of it, and no others', async () => {
    await using setup = await reading()
    const { server, reader } = setup
    const vm = machine(server)
    const { uuid, VIFs, guest_metrics: guest } = server.db.get('VM', vm) ?? {}
    const before = new Map(reader.objects)
    server.db.update('VM_guest_metrics', String(guest), { networks: { '0/ip': '198.51.100.7' } })
    await reader.until(() => objectOf(reader, 'vm', uuid).ips[0] === '198.51.100.7')
    const [vif] = VIFs as string[]
    const changed = [...reader.objects].filter(([id, object]) => before.get(id) !== object).map(([id]) => id)
    expect(changed.sort()).toEqual(
      [`nic.test.${String(server.db.get('VIF', vif ?? '')?.['uuid'])}`, `vm.test.${String(uuid)}`].sort(),
    )
  })

  test.each<[string, Record<string, unknown>, readonly string[]]>([
    ['VBD', { currently_attached: false }, ['disk', 'vm']],
    ['VIF', { currently_attached: false }, ['nic']],
    ['VM_metrics', { memory_actual: 12_345_678 }, ['vm']],
    ['VDI', { virtual_size: 123_456_789 }, ['disk', 'vm']],
    ['host_metrics', { memory_total: 2 ** 40 }, ['host', 'pool']],
    ['PBD', { currently_attached: false }, ['storage']],
    ['network', { MTU: 9000 }, ['network']],
  ])('of a %s reaches what is made of it', async (table, patch, types) => {
    await using setup = await reading()
    const { server, reader } = setup
    // Something of a VM that runs, where there is a choice.
    const vm = server.db.get('VM', machine(server)) as Readonly<Record<string, string | readonly string[]>>
    const { [`${table}s`]: devices, metrics, VBDs } = vm
    const vbd = server.db.get('VBD', VBDs?.[0] ?? '') as Readonly<Record<string, string>>
    const own = { VM_metrics: metrics, VDI: vbd['VDI'] }[table] ?? devices?.[0] ?? server.db.refs(table)[0]
    const before = new Map(reader.objects)
    const { upserts } = reader
    server.db.update(table, own as string, patch)
    await reader.until(() => reader.upserts >= upserts + types.length)
    const changed = [...reader.objects].filter(([id, object]) => before.get(id) !== object)
    expect(changed.map(([id]) => typeOfId(id)).sort()).toEqual(types)
  })

  test('keeps the parts that did not change', async () => {
    await using setup = await reading()
    const { server, reader } = setup
    const vm = machine(server)
    const uuid = server.db.get('VM', vm)?.['uuid']
    const before = objectOf(reader, 'vm', uuid)
    server.db.update('VM', vm, { name_label: 'renamed' })
    await reader.until(() => objectOf(reader, 'vm', uuid).name === 'renamed')
    const after = objectOf(reader, 'vm', uuid)
    expect(after).not.toBe(before)
    expect(after.drives).toBe(before.drives)
    expect(after.nics).toBe(before.nics)
    expect(after.os).toBe(before.os)
  })

  test('that touches no field of a resource is not told', async () => {
    await using setup = await reading()
    const { server, reader } = setup
    const vm = machine(server)
    const told = reader.upserts
    const synced = reader.synced
    server.db.update('VM', vm, { last_booted_record: 'x' })
    server.db.update('VM_metrics', String(server.db.get('VM', vm)?.['metrics']), { last_updated: '20260101T00:00:00Z' })
    await reader.until(() => reader.synced > synced)
    expect(reader.upserts).toBe(told)
  })
})
