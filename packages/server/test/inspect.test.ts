import type { HostId, PoolId, TaskId, VmId } from '@nixen/api'
import { startToolstack, type Toolstack } from '@nixen/toolstack'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Server } from '../src/index.ts'
import { eventually, signUp, temporaryState, testServer, type Browser } from './rig.ts'

const state = await temporaryState()
let toolstack: Toolstack
let server: Server
let tab: Browser

beforeAll(async () => {
  toolstack = await startToolstack({ hosts: 2, vms: 6, waits: false, loginDelay: false, seed: 7 })
  server = await testServer(state.path)
  tab = await signUp(server)
  const { url: address, fingerprint = '' } = toolstack
  await tab.client.connection.add({ kind: 'xapi', address, username: 'root', password: 'nixen', fingerprint })
  await eventually(async () => ((await tab.client.vm.list({})).total >= 6 ? true : undefined))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await toolstack[Symbol.asyncDispose]()
  await state[Symbol.asyncDispose]()
})

async function halted(): Promise<VmId> {
  const [vm] = (await tab.client.vm.list({ q: 'power:halted' })).items
  if (!vm) throw new Error('there is no halted VM')
  return vm.id
}

const connection = async () => {
  const [first] = (await tab.client.connection.list({})).items
  if (!first) throw new Error('there is no connection')
  return first.id
}

test('placement says which hosts can run a VM, and why the others cannot', async () => {
  const { client } = tab
  const id = await halted()
  const before = (await client.vm.placement({ id })).items
  expect(before.length).toBe(2)
  expect(before.some(({ possible }) => possible)).toBe(true)
  const host = (await client.host.list({ q: 'master:false' })).items[0]?.id as HostId
  const { task } = await client.host.enterMaintenance({ id: host })
  await ended(task)
  const after = (await client.vm.placement({ id })).items.find((place) => place.host === host)
  expect(after).toMatchObject({ possible: false, reason: expect.stringMatching(/is in maintenance/) })
  await ended((await client.host.leaveMaintenance({ id: host })).task)
})

test('the preview of a deletion names what goes and what stays', async () => {
  const { client } = tab
  const id = await halted()
  await ended((await client.vm.snapshot({ id, name: 'kept' })).task)
  const preview = await client.vm.deletion({ id })
  const vm = await client.vm.get({ id })
  const own = vm.drives.flatMap(({ kind, disk }) => (kind === 'disk' && disk !== undefined ? [disk] : []))
  expect(preview.disks.map((disk) => disk.id)).toEqual(expect.arrayContaining(own))
  expect(preview.disks.length).toBe(own.length * 2)
  expect(preview.snapshots.map(({ name }) => name)).toEqual(['kept'])
  const before = (await client.disk.list({ limit: 1 })).total
  await ended((await client.vm.delete({ id })).task)
  await eventually(async () =>
    (await client.disk.list({ limit: 1 })).total === before - preview.disks.length ? true : undefined,
  )
})

test('a message of XAPI is called; what writes or tells secrets only when that is said', async () => {
  const { client } = tab
  const id = await connection()
  const [host] = (await client.host.list({ limit: 1 })).items
  const uuid = host?.id.split('.')[2] ?? ''
  expect(await client.connection.call({ id, method: 'host.get_name_label', args: [`uuid:host:${uuid}`] })).toEqual({
    result: host?.name,
  })
  for (const method of ['host.set_name_label', 'secret.get_all_records', 'PBD.get_all_records', 'pool.disable_ha']) {
    await expect(client.connection.call({ id, method })).rejects.toMatchObject({ code: 'connection.unsupported' })
  }
  await client.connection.call({
    id,
    method: 'host.set_name_description',
    args: [`uuid:host:${uuid}`, 'by call'],
    write: true,
  })
  await eventually(async () =>
    (await client.host.get({ id: host?.id as HostId })).description === 'by call' ? true : undefined,
  )
  const lines = (await client.audit.list({ limit: 20 })).items
  expect(lines.some(({ action }) => action === 'connection.call')).toBe(true)
})

test('a pool is updated host by host, goes on after an interruption, and lists what is missing', async () => {
  const { client } = tab
  const [pool] = (await client.pool.list({})).items
  const id = pool?.id as PoolId
  const hosts = (await client.host.list({})).items
  const second = hosts.find(({ master }) => !master)
  if (!second) throw new Error('there is one host only')
  const missing = (await client.host.patches({ id: second.id })).items
  expect(missing.length).toBeGreaterThan(0)
  expect(missing[0]).toMatchObject({ name: expect.any(String), version: expect.any(String) })
  const faults = toolstack.pools[0]?.faults
  faults?.add({ method: 'host.evacuate', skip: 1, count: 1, error: ['INTERNAL_ERROR', 'out of luck'] })
  expect(await ended((await client.pool.rollingUpdate({ id })).task)).toMatchObject({ state: 'failed' })
  // The master is done, the other one takes VMs again.
  await eventually(async () => ((await client.host.get({ id: second.id })).enabled ? true : undefined))
  expect((await client.host.patches({ id: second.id })).items.length).toBe(missing.length)
  const again = await client.pool.rollingUpdate({ id })
  expect(await ended(again.task)).toMatchObject({ state: 'succeeded' })
  const log = (await client.task.log({ id: again.task })).lines.map(({ text }) => text)
  expect(log.join('\n')).toMatch(/An earlier run did 1 of 2 hosts/)
  for (const host of hosts) expect((await client.host.patches({ id: host.id })).items).toEqual([])
}, 60_000)

test('PCI devices that the host keeps for VMs are passed through', async () => {
  const { client } = tab
  const [host] = (await client.host.list({ q: 'master:true' })).items
  if (!host) throw new Error('there is no host')
  const devices = (await client.host.devices({ id: host.id })).items.filter(({ kind }) => kind === 'pci')
  expect(devices.length).toBeGreaterThan(0)
  const key = devices[0]?.key ?? ''
  const [vm] = (await client.vm.list({ q: 'power:running', limit: 1 })).items
  const id = vm?.id as VmId
  await ended((await client.vm.hardShutdown({ id })).task)
  await eventually(async () => ((await client.vm.get({ id })).power === 'halted' ? true : undefined))
  const { task } = await client.vm.attachPci({ id, addresses: [key] })
  expect(await ended(task)).toMatchObject({ state: 'failed', error: { code: 'connection.unsupported' } })
  await ended((await client.host.hidePci({ id: host.id, hide: [key] })).task)
  expect((await client.host.devices({ id: host.id })).items.find((one) => one.key === key)).toMatchObject({
    hidden: true,
    restart: true,
  })
  await ended((await client.host.enterMaintenance({ id: host.id })).task)
  await eventually(async () => ((await client.host.get({ id: host.id })).vms === 0 ? true : undefined))
  await ended((await client.host.reboot({ id: host.id })).task)
  expect(await ended((await client.vm.attachPci({ id, addresses: [key] })).task)).toMatchObject({ state: 'succeeded' })
  await ended((await client.vm.start({ id })).task)
  await eventually(async () => ((await client.vm.get({ id })).host === host.id ? true : undefined))
  expect((await client.host.devices({ id: host.id })).items.find((one) => one.key === key)).toMatchObject({
    vms: [id],
  })
  await ended((await client.vm.hardShutdown({ id })).task)
  await eventually(async () => ((await client.vm.get({ id })).power === 'halted' ? true : undefined))
  expect(await ended((await client.vm.detachPci({ id, addresses: [key] })).task)).toMatchObject({ state: 'succeeded' })
})

async function ended(task: TaskId) {
  return await eventually(async () => {
    const found = await tab.client.task.get({ id: task })
    return found.finished === undefined ? undefined : found
  }, 50_000)
}
