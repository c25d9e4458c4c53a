import type { DiskId, NetworkId, SnapshotId, StorageId, Task, TaskId, TaskRef, VmId } from '@nixen/api'
import { startToolstack, type Toolstack } from '@nixen/toolstack'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, signUp, temporaryState, testServer, type Browser } from './rig.ts'
import type { Server } from '../src/index.ts'

const state = await temporaryState()
const data = await temporaryState()
let toolstack: Toolstack
let server: Server
let tab: Browser
const MiB = 1024 * 1024

beforeAll(async () => {
  toolstack = await startToolstack({ hosts: 2, vms: 4, waits: false, loginDelay: false, seed: 7, dataDir: data.path })
  server = await testServer(state.path)
  tab = await signUp(server)
  const { url: address, fingerprint = '' } = toolstack
  await tab.client.connection.add({ kind: 'xapi', address, username: 'root', password: 'nixen', fingerprint })
  await eventually(async () => ((await tab.client.vm.list({})).total >= 4 ? true : undefined))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await toolstack[Symbol.asyncDispose]()
  await state[Symbol.asyncDispose]()
  await data[Symbol.asyncDispose]()
})

/** Waits for the end of a task, which must be a good one. */
async function done(asked: Promise<TaskRef>): Promise<Task> {
  const { task } = await asked
  const found = await ended(task)
  expect({ state: found.state, error: found.error }).toEqual({ state: 'succeeded', error: undefined })
  return found
}

async function ended(task: TaskId): Promise<Task> {
  return await eventually(async () => {
    const found = await tab.client.task.get({ id: task })
    return found.finished === undefined ? undefined : found
  })
}

const first = async <T>(list: Promise<{ readonly items: readonly T[] }>): Promise<T> => {
  const [item] = (await list).items
  if (item === undefined) throw new Error('There is none')
  return item
}

test('a VM is created, changed, used, kept, copied and deleted through the API', async () => {
  const { client } = tab
  const template = await first(client.template.list({ q: 'default:true name:Debian*', limit: 1 }))
  const storage: StorageId = (await first(client.storage.list({ q: 'content:disks', sort: '-size', limit: 1 }))).id
  const network: NetworkId = (await first(client.network.list({ limit: 1 }))).id

  const created = await done(
    client.vm.create({
      template: template.id,
      name: 'app-{index}',
      count: 2,
      first: 7,
      tags: ['prod'],
      vcpus: 2,
      memory: 512 * MiB,
      disks: [{ size: 64 * MiB, storage }],
      nics: [{ network }],
      cloudInit: { user: '#cloud-config\nhostname: {name}\n', storage },
    }),
  )
  const [id, second] = created.made as readonly VmId[]
  if (id === undefined || second === undefined) throw new Error('Two were asked for')
  const vm = await eventually(async () => {
    const found = await client.vm.get({ id }).catch(() => undefined)
    return found && found.drives.length >= 2 && found.nics.length === 1 && found.name === 'app-7' ? found : undefined
  })
  expect(vm).toMatchObject({ power: 'halted', vcpus: 2, memory: 512 * MiB, tags: ['prod'] })

  await done(
    client.vm.update({
      id,
      name: 'app',
      description: 'The application.',
      tags: ['prod', 'web'],
      ha: 'restart',
      blocked: { delete: 'Ada says so' },
    }),
  )
  await eventually(async () => ((await client.vm.get({ id })).name === 'app' ? true : undefined))
  expect(await client.vm.get({ id })).toMatchObject({
    description: 'The application.',
    tags: ['prod', 'web'],
    ha: 'restart',
    blocked: { delete: 'Ada says so' },
  })
  await expect(client.vm.delete({ id })).rejects.toMatchObject({
    code: 'request.not_allowed',
    message: expect.stringContaining('Ada says so'),
  })
  await done(client.vm.update({ id, blocked: { delete: null } }))

  await done(client.vm.setCpus({ id, count: 1, max: 4 }))
  await done(client.vm.setMemory({ id, size: 256 * MiB, max: 1024 * MiB }))
  await done(client.vm.setBoot({ id, order: ['cd', 'disk'] }))
  await done(client.vm.start({ id }))
  await eventually(async () => ((await client.vm.get({ id })).power === 'running' ? true : undefined))

  await done(client.vm.addNic({ id, network, mac: '52:54:00:12:34:56' }))
  const nics = await eventually(async () => {
    const { nics: found } = await client.vm.get({ id })
    return found.length === 2 ? found : undefined
  })
  await done(client.vm.removeNic({ id, nic: nics[1]! }))

  const kept = await done(client.vm.snapshot({ id, name: 'before' }))
  const snapshot = kept.made?.[0] as SnapshotId
  await done(client.snapshot.update({ id: snapshot, description: 'Before the change' }))
  await done(client.vm.hardShutdown({ id }))
  await eventually(async () => ((await client.vm.get({ id })).power === 'halted' ? true : undefined))
  await eventually(async () => ((await client.vm.get({ id })).snapshots === 1 ? true : undefined))
  await done(client.snapshot.revert({ id: snapshot }))
  await eventually(async () => ((await client.vm.get({ id })).snapshots === 2 ? true : undefined))

  const clone = (await done(client.snapshot.clone({ id: snapshot, name: 'from the past' }))).made?.[0] as VmId
  const copy = (await done(client.vm.copy({ id, name: 'app copy', storage }))).made?.[0] as VmId
  for (const other of [clone, copy, second]) {
    await eventually(async () => await client.vm.get({ id: other }).catch(() => undefined))
  }

  // Going back made new disks of those of the snapshot.
  const now = await client.vm.get({ id })
  const disk = now.drives.find(({ kind, boot }) => kind === 'disk' && boot === true)?.disk as DiskId
  const disks = new Set(
    (await Promise.all([id, clone, copy, second].map((one) => client.vm.get({ id: one })))).flatMap(({ drives }) =>
      drives.flatMap((drive) => (drive.disk === undefined || drive.kind !== 'disk' ? [] : [drive.disk])),
    ),
  )
  await eventually(async () => ((await client.vm.get({ id: second })).power === 'halted' ? true : undefined))
  await done(client.vm.delete({ id, keepDisks: [disk] }))
  for (const other of [clone, copy, second]) await done(client.vm.delete({ id: other }))
  await eventually(async () => {
    const left = (await client.disk.list({ limit: 1000 })).items.filter((one) => disks.has(one.id))
    return left.length === 1 && left[0]?.id === disk && left[0].vms.length === 0 ? true : undefined
  })
})

test('what a failure interrupts while a VM is made is removed again', async () => {
  const { client } = tab
  const template = await first(client.template.list({ q: 'default:true name:Debian*', limit: 1 }))
  const before = { vms: (await client.vm.list({})).total, disks: (await client.disk.list({})).total }
  toolstack.pools[0]?.faults.add({
    method: 'VBD.create',
    count: 1,
    error: ['SR_BACKEND_FAILURE_46', '', 'The VDI is not available', ''],
  })
  const storage = (await first(client.storage.list({ q: 'content:disks', sort: '-size', limit: 1 }))).id
  const { task } = await client.vm.create({ template: template.id, name: 'half', disks: [{ size: 16 * MiB, storage }] })
  expect(await ended(task)).toMatchObject({ state: 'failed' })
  await eventually(async () => {
    const now = { vms: (await client.vm.list({})).total, disks: (await client.disk.list({})).total }
    return now.vms === before.vms && now.disks === before.disks ? true : undefined
  })
})
