import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { startToolstack, type Toolstack } from '@nixen/toolstack'
import { expect, test } from 'vitest'
import { eventually, signUp, temporaryState, testServer, type Browser } from './rig.ts'

const quick = { waits: false, loginDelay: false, tls: false, hosts: 1 } as const

/** A way to a pool that can fall silent: connections stay open and are taken, and nothing passes any more. */
async function wayTo(pool: Toolstack): Promise<AsyncDisposable & { readonly url: string; silence(): void }> {
  const { hostname, port } = new URL(pool.url)
  const sockets = new Set<Socket>()
  let silent = false
  const server = createServer((near) => {
    sockets.add(near.on('error', () => undefined))
    if (silent) return
    const far = connect(Number(port), hostname).on('error', () => undefined)
    sockets.add(far)
    near.pipe(far)
    far.pipe(near)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  // It listens on a port.
  const { port: own } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${own}`,
    silence() {
      silent = true
      for (const socket of sockets) socket.unpipe().pause()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function connected({ client }: Browser, name: string, address: string) {
  const { id } = await client.connection.add({ kind: 'xapi', address, name, password: 'nixen' })
  return await eventually(async () => {
    const now = await client.connection.get({ id })
    return now.state === 'connected' ? now : undefined
  })
}

test('a pool that falls silent in the middle of everything costs the others nothing', async () => {
  await using state = await temporaryState()
  await using pool = await startToolstack({ ...quick, vms: 6 })
  await using other = await startToolstack({ ...quick, vms: 6, seed: 2, listen: ['127.0.8.1'] })
  await using way = await wayTo(other)
  await using server = await testServer(state.path)
  const tab = await signUp(server)
  const { client } = tab
  const well = await connected(tab, 'well', pool.url)
  const ill = await connected(tab, 'ill', way.url)
  const halted = async (connection: string) => {
    const { items } = await client.vm.list({ q: `connection:${connection} power:halted` })
    const [vm] = items
    if (!vm) throw new Error('One VM is halted')
    return vm
  }
  way.silence()
  // What is asked of the silent pool waits; nobody else waits for it.
  const { task } = await client.vm.start({ id: (await halted(ill.id)).id })
  const vm = await halted(well.id)
  await client.vm.start({ id: vm.id })
  await eventually(async () => ((await client.vm.get({ id: vm.id })).power === 'running' ? true : undefined))
  // What was known of the silent pool stays.
  expect((await client.vm.list({ q: `connection:${ill.id}` })).total).toBe(6)
  expect((await client.connection.list()).total).toBe(2)
  expect((await client.task.get({ id: task })).state).toBe('running')
  // Nor does the server, when it stops.
  await server[Symbol.asyncDispose]()
}, 60_000)
