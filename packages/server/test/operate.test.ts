import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Grant, Vm } from '@nixen/api'
import { collectBytes } from '@nixen/core'
import { startToolstack, type Toolstack } from '@nixen/toolstack'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Server } from '../src/index.ts'
import { eventually, logIn, signUp, temporaryState, testServer, type Browser } from './rig.ts'

const state = await temporaryState()
let folder: string
let toolstack: Toolstack
let server: Server
let tab: Browser
let vms: readonly Vm[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixen-operate-'))
  toolstack = await startToolstack({ hosts: 2, vms: 8, waits: false, loginDelay: false, tls: false, dataDir: folder })
  server = await testServer(state.path)
  tab = await signUp(server)
  await tab.client.connection.add({ kind: 'xapi', address: toolstack.url, password: 'nixen' })
  vms = await eventually(async () => {
    const { items } = await tab.client.vm.list()
    return items.length >= 8 ? items : undefined
  })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await toolstack[Symbol.asyncDispose]()
  await state[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const password = 'another long password'

/** Somebody with these grants only. */
async function somebody(name: string, ...grants: Grant[]): Promise<Browser> {
  const role = await tab.client.role.create({ name, grants })
  await tab.client.user.create({ name, password, roles: [role.id] })
  return await logIn(server, { name, password })
}

test('a picture of a screen is for whoever may open the console', async () => {
  const running = vms.find(({ power }) => power === 'running')
  const halted = vms.find(({ power }) => power === 'halted')
  if (!running || !halted) throw new Error('There are VMs of both kinds')
  const picture = await tab.client.vm.screenshot({ id: running.id })
  expect(picture.name).toBe(`${running.name}.png`)
  const bytes = await collectBytes(picture.bytes())
  // The signature of a PNG.
  expect([...bytes.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  await expect(tab.client.vm.screenshot({ id: halted.id })).rejects.toMatchObject({ code: 'request.not_allowed' })
  const reader = await somebody('reader', { actions: ['vm:read'] })
  await expect(reader.client.vm.screenshot({ id: running.id })).rejects.toMatchObject({ code: 'auth.forbidden' })
  const { items } = await tab.client.audit.list({ q: 'vm.screenshot' })
  expect(items.length).toBeGreaterThanOrEqual(3)
})

test('a VM is made with a saved configuration for cloud-init', async () => {
  const { client } = tab
  const user = '#cloud-config\nhostname: {name}\n'
  const saved = await client.cloudConfig.create({ name: 'Web', user, network: 'version: 2\n' })
  const { items: templates } = await client.template.list({ q: 'name:Debian' })
  const { items: storages } = await client.storage.list({ q: 'content:disks', sort: '-size' })
  const [template, storage] = [templates[0]?.id, storages[0]?.id]
  if (!template || !storage) throw new Error('The pool has both')
  const wanted = { template, name: 'from-saved', storage, disks: [] }
  await expect(client.vm.create({ ...wanted, cloudInit: { storage } })).rejects.toMatchObject({
    code: 'request.invalid',
  })
  const gone = `${saved.id.slice(0, -1)}${saved.id.endsWith('0') ? '1' : '0'}` as typeof saved.id
  await expect(client.vm.create({ ...wanted, cloudInit: { config: gone, storage } })).rejects.toMatchObject({
    code: 'cloud_config.not_found',
  })
  const { task } = await client.vm.create({ ...wanted, cloudInit: { config: saved.id, storage } })
  const done = await eventually(async () => {
    const now = await client.task.get({ id: task })
    return now.finished === undefined ? undefined : now
  })
  expect(done.error).toBeUndefined()
  const disk = await eventually(async () => (await client.disk.list({ q: 'name:"from-saved cloud-init"' })).items[0])
  const raw = Buffer.from(await collectBytes((await client.disk.export({ id: disk.id, format: 'raw' })).bytes()))
  expect(raw.includes('hostname: from-saved')).toBe(true)
  expect(raw.includes('version: 2')).toBe(true)
})

test('alerts that hold are shown for what somebody may see', async () => {
  const { client } = tab
  await client.alert.create({ name: 'Hosts', condition: { kind: 'query', type: 'host', q: 'power:running' } })
  const all = await eventually(async () => {
    const { items } = await client.alert.active()
    return items.length === 2 ? items : undefined
  }, 30_000)
  const [first] = all
  const mine = await somebody(
    'watcher',
    { actions: ['alert:read'] },
    { actions: ['host:read'], scope: `name:"${first?.onName ?? ''}"` },
  )
  expect((await mine.client.alert.active()).items).toEqual([first])
})
