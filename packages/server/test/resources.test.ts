import type { DiskId, Host, NetworkId, Nic, Pool, StorageId, Task, TaskRef, Vm } from '@nixen/api'
import { startToolstack, type Toolstack } from '@nixen/toolstack'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, signUp, temporaryState, testServer, type Browser } from './rig.ts'
import type { Server } from '../src/index.ts'

const state = await temporaryState()
const data = await temporaryState()
let toolstack: Toolstack
let server: Server
let tab: Browser
let pool: Pool
let hosts: readonly Host[]
const MiB = 1024 * 1024

beforeAll(async () => {
  toolstack = await startToolstack({ hosts: 2, vms: 4, waits: false, loginDelay: false, seed: 7, dataDir: data.path })
  server = await testServer(state.path)
  tab = await signUp(server)
  const { url: address, fingerprint = '' } = toolstack
  await tab.client.connection.add({ kind: 'xapi', address, username: 'root', password: 'nixen', fingerprint })
  await eventually(async () => ((await tab.client.vm.list({})).total >= 4 ? true : undefined))
  pool = await first(tab.client.pool.list({}))
  hosts = (await tab.client.host.list({})).items
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await toolstack[Symbol.asyncDispose]()
  await state[Symbol.asyncDispose]()
  await data[Symbol.asyncDispose]()
})

async function ended(asked: Promise<TaskRef>): Promise<Task> {
  const { task } = await asked
  return await eventually(async () => {
    const found = await tab.client.task.get({ id: task })
    return found.finished === undefined ? undefined : found
  })
}

/** Waits for the end of a task, which must be a good one. */
async function done(asked: Promise<TaskRef>): Promise<Task> {
  const found = await ended(asked)
  expect({ state: found.state, error: found.error }).toEqual({ state: 'succeeded', error: undefined })
  return found
}

async function first<T>(list: Promise<{ readonly items: readonly T[] }>): Promise<T> {
  const [item] = (await list).items
  if (item === undefined) throw new Error('There is none')
  return item
}

/** A VM that devices can be plugged into. */
async function running(): Promise<Vm> {
  const found = (await tab.client.vm.list({ q: 'power:running' })).items.find(({ agent }) => agent?.drivers === true)
  if (!found) throw new Error('No VM has drivers')
  return found
}

/** An object once the inventory has it as it is wanted. */
async function seen<T>(get: () => Promise<T>, wanted: (object: T) => boolean = () => true): Promise<T> {
  return await eventually(async () => {
    const object = await get().catch(() => undefined)
    return object !== undefined && wanted(object) ? object : undefined
  })
}

test('a disk is made, changed, resized, copied, moved, attached, detached and deleted', async () => {
  const { client } = tab
  const storages = (await client.storage.list({ q: 'content:disks', sort: '-size' })).items
  const shared = storages.find((one) => one.shared)
  const other = storages.find((one) => one.id !== shared?.id && one.hosts.length > 0)
  if (!shared || !other) throw new Error('Two storages are needed')
  const id = (await done(client.disk.create({ storage: shared.id, name: 'data', size: 16 * MiB }))).made?.[0] as DiskId
  await done(client.disk.update({ id, name: 'data 1', tags: ['b', 'a'] }))
  await done(client.disk.resize({ id, size: 32 * MiB }))
  await done(client.disk.trackChanges({ id }))
  expect(
    await seen(
      () => client.disk.get({ id }),
      (disk) => disk.size === 32 * MiB && disk.changeTracking === true,
    ),
  ).toMatchObject({
    name: 'data 1',
    tags: ['a', 'b'],
  })
  expect(await ended(client.disk.resize({ id, size: 8 * MiB }))).toMatchObject({ state: 'failed' })
  const clone = (await done(client.disk.clone({ id, name: 'twin' }))).made?.[0] as DiskId
  const copy = (await done(client.disk.copy({ id: clone, storage: other.id }))).made?.[0] as DiskId
  expect(await seen(() => client.disk.get({ id: copy }))).toMatchObject({ storage: other.id, name: 'twin (copy)' })

  const vm = await running()
  await done(client.vm.attachDisk({ id: vm.id, disk: id }))
  await seen(
    () => client.disk.get({ id }),
    (disk) => disk.attached,
  )
  await expect(client.disk.delete({ id })).rejects.toMatchObject({ code: 'request.not_allowed' })
  await done(client.vm.detachDisk({ id: vm.id, disk: id }))
  await seen(
    () => client.disk.get({ id }),
    (disk) => disk.vms.length === 0,
  )
  const moved = (await done(client.disk.migrate({ id, storage: other.id }))).made?.[0] as DiskId
  expect(await seen(() => client.disk.get({ id: moved }))).toMatchObject({ storage: other.id, name: 'data 1' })
  for (const disk of [moved, clone, copy]) await done(client.disk.delete({ id: disk }))
})

test('a storage is made, scanned, disconnected, forgotten, found again and destroyed', async () => {
  const { client } = tab
  const [host] = hosts
  if (!host) throw new Error('There is no host')
  const root = client.storage.create({ host: host.id, name: 'x', source: { kind: 'file', path: '/root/disks' } })
  expect((await ended(root)).error?.message).toContain('root file system')
  const place = { kind: 'nfs' as const, server: 'nas.example.net' }
  const { next } = await client.storage.probe({ host: host.id, place })
  expect(next).toMatchObject({ field: 'path', choices: [{ value: '/export/free' }] })
  const iscsi = await client.storage.probe({ host: host.id, place: { kind: 'iscsi', server: '192.0.2.9' } })
  expect(iscsi.next).toMatchObject({ field: 'iqn', choices: [{ value: expect.stringMatching(/^iqn\./) }] })
  const source = { ...place, path: '/export/vms' }
  const id = (await done(client.storage.create({ host: host.id, name: 'NAS', source }))).made?.[0] as StorageId
  const made = await seen(
    () => client.storage.get({ id }),
    (storage) => storage.state === 'ok',
  )
  expect(made).toMatchObject({ name: 'NAS', shared: true, kind: 'nfs' })
  await done(client.storage.update({ id, description: 'The NAS in the cellar' }))
  await done(client.storage.scan({ id }))
  await done(client.storage.makeDefault({ id }))
  await seen(
    () => client.storage.get({ id }),
    (storage) => storage.default === true,
  )
  await done(client.storage.disconnect({ id }))
  await seen(
    () => client.storage.get({ id }),
    (storage) => storage.state === 'detached',
  )
  await done(client.storage.connect({ id }))
  await seen(
    () => client.storage.get({ id }),
    (storage) => storage.state === 'ok',
  )
  await done(client.storage.disconnect({ id }))
  await seen(
    () => client.storage.get({ id }),
    (storage) => storage.state === 'detached',
  )
  await done(client.storage.forget({ id }))
  const existing = id.slice(id.lastIndexOf('.') + 1)
  // What is forgotten is known to no host of this pool: a real server would be found here.
  expect((await client.storage.probe({ host: host.id, place: source })).storages).toEqual([])
  const again = (await done(client.storage.create({ host: host.id, name: 'NAS', source, existing })))
    .made?.[0] as StorageId
  expect(again).toBe(id)
  await seen(
    () => client.storage.get({ id }),
    (storage) => storage.state === 'ok',
  )
  await done(client.storage.delete({ id }))
})

test('networks and NICs are made, changed and removed', async () => {
  const { client } = tab
  const inside = (await done(client.network.create({ pool: pool.id, name: 'inside' }))).made?.[0] as NetworkId
  await done(client.network.update({ id: inside, description: 'Within the hosts', mtu: 9000 }))
  expect(
    await seen(
      () => client.network.get({ id: inside }),
      (network) => network.mtu === 9000,
    ),
  ).toMatchObject({
    name: 'inside',
    kind: 'internal',
  })
  const physical = (await client.nic.list({ q: 'kind:physical', limit: 100 })).items
  const pif: Nic | undefined = physical.find((nic) => nic.management === true) ?? physical[0]
  if (!pif) throw new Error('There is no NIC')
  const vlan = (await done(client.network.create({ pool: pool.id, name: 'vlan 42', vlan: { nic: pif.id, tag: 42 } })))
    .made?.[0] as NetworkId
  expect(
    await seen(
      () => client.network.get({ id: vlan }),
      (network) => network.vlan === 42,
    ),
  ).toMatchObject({ kind: 'external' })

  const vm = await running()
  const nic = await done(client.vm.addNic({ id: vm.id, network: inside }))
  const id = nic.made?.[0] as Nic['id']
  await done(
    client.nic.update({
      id,
      network: vlan,
      locking: 'locked',
      allowedIps: ['192.0.2.7', '2001:db8::7'],
      rateLimit: 8 * MiB,
    }),
  )
  expect(
    await seen(
      () => client.nic.get({ id }),
      (found) => found.network === vlan && found.rateLimit !== undefined,
    ),
  ).toMatchObject({
    locking: 'locked',
    allowedIps: ['192.0.2.7', '2001:db8::7'],
  })
  await expect(client.network.delete({ id: vlan })).rejects.toMatchObject({ code: 'request.not_allowed' })
  await done(client.nic.disconnect({ id }))
  await seen(
    () => client.nic.get({ id }),
    (found) => !found.attached,
  )
  await done(client.nic.connect({ id }))
  await done(client.vm.removeNic({ id: vm.id, nic: id }))
  await seen(
    () => client.network.get({ id: vlan }),
    (network) => network.nics === 0,
  )
  for (const network of [vlan, inside]) await done(client.network.delete({ id: network }))
  await eventually(async () => ((await client.network.list({ q: 'name:"vlan 42"' })).total === 0 ? true : undefined))
})

test('a host goes into maintenance, reboots and comes back, and its VMs are elsewhere', async () => {
  const { client } = tab
  const host = hosts.find((one) => !one.master)
  if (!host) throw new Error('There is one host only')
  await done(client.host.update({ id: host.id, description: 'Second from the top', tags: ['rack-1'] }))
  await done(client.host.enterMaintenance({ id: host.id }))
  await seen(
    () => client.host.get({ id: host.id }),
    (found) => !found.enabled && found.vms === 0,
  )
  await done(client.host.reboot({ id: host.id }))
  await seen(
    () => client.host.get({ id: host.id }),
    (found) => found.enabled,
  )
  await expect(client.host.leaveMaintenance({ id: host.id })).rejects.toMatchObject({ code: 'request.not_allowed' })
})

test('a pool gets high availability and loses it again', async () => {
  const { client } = tab
  const storage = (await client.storage.list({ q: 'content:disks' })).items.find((one) => one.shared)
  if (!storage) throw new Error('No storage is shared')
  await done(client.pool.update({ id: pool.id, name: 'Rack one', autoStart: true }))
  await done(client.pool.enableHa({ id: pool.id, storages: [storage.id], failures: 1 }))
  expect(
    await seen(
      () => client.pool.get({ id: pool.id }),
      (found) => found.ha === true,
    ),
  ).toMatchObject({ name: 'Rack one' })
  await done(client.pool.disableHa({ id: pool.id }))
  await seen(
    () => client.pool.get({ id: pool.id }),
    (found) => found.ha !== true,
  )
})
