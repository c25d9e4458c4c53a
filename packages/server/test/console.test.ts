import { once } from 'node:events'
import { consoleEnds, connectionOfId, type AuditEntry, type Vm } from '@nixen/api'
import { systemClock } from '@nixen/core'
import { startToolstack, type Toolstack } from '@nixen/toolstack'
import { asRef, Xapi } from '@nixen/xapi'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Server } from '../src/index.ts'
import { closeOf, consoleUrl, dial, refusalOf, RfbClient } from './rfb-client.ts'
import { eventually, logIn, signUp, temporaryState, testServer, type Browser } from './rig.ts'

const password = 'a long enough password'
/** Moved forward by tests: time passes for tickets, not for the machine. */
let skew = 0
const clock = { ...systemClock, now: () => systemClock.now() + skew, monotonic: () => systemClock.monotonic() + skew }
let toolstack: Toolstack
let server: Server
let tab: Browser
let vms: Vm[]
const state = await temporaryState()

beforeAll(async () => {
  toolstack = await startToolstack({ hosts: 2, vms: 10, waits: false, loginDelay: false, seed: 7 })
  server = await testServer(state.path, { clock, flags: { 'server.base_path': '/nixen' } })
  tab = await signUp(server)
  const { url: address, fingerprint = '' } = toolstack
  await tab.client.connection.add({ kind: 'xapi', address, username: 'root', password: 'nixen', fingerprint })
  vms = await eventually(async () => {
    const { items } = await tab.client.vm.list({ q: 'power:running' })
    return items.length >= 5 ? items : undefined
  })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await toolstack[Symbol.asyncDispose]()
  await state[Symbol.asyncDispose]()
})

/** A VM that nobody has looked at; each test has its own. */
function nextVm(): Vm {
  const vm = vms.pop()
  if (!vm) throw new Error('There are too few running VMs')
  return vm
}

/** What only an administrator of the hosts does. */
async function onPool(): Promise<Xapi> {
  const { url, fingerprint } = toolstack
  return await Xapi.connect({
    url,
    username: 'root',
    password: 'nixen',
    tls: { kind: 'pin', fingerprint: fingerprint ?? '' },
  })
}

async function open(id: Vm['id'], viewOnly = false): Promise<{ socket: WebSocket; screen: RfbClient }> {
  const socket = dial(server.url, await tab.client.vm.console({ id, viewOnly }))
  return { socket, screen: await RfbClient.greet(socket) }
}

async function audited(action: string, on: string): Promise<AuditEntry> {
  return await eventually(async () => {
    const { items } = await tab.client.audit.list({ limit: 50 })
    return items.find((entry) => entry.action === action && entry.on === on)
  })
}

describe('the console of a VM', () => {
  test('shows its screen behind a base path, takes keys and the pointer, and is written down when it begins and ends', async () => {
    const vm = nextVm()
    const ticket = await tab.client.vm.console({ id: vm.id })
    expect(ticket).toMatchObject({ url: '/nixen/api/v1/console', protocol: 'rfb', viewOnly: false })
    const socket = dial(server.url, ticket, { origin: new URL(server.url).origin })
    const screen = await RfbClient.greet(socket)
    expect(socket.protocol).toBe('binary')
    expect(screen).toMatchObject({ name: vm.name, width: 720, height: 360 })
    await screen.look()
    // The prompt is in the fifth line; after it the cursor blinks.
    expect(screen.litIn(4, 0)).toBeGreaterThan(0)
    screen.key('W'.charCodeAt(0))
    screen.point(300, 200, 1)
    await eventually(async () => {
      await screen.look()
      const typed = screen.litIn(4, 2)
      return typed > 0 && typed < 135 && screen.isLit(302, 202) ? true : undefined
    })
    await screen[Symbol.asyncDispose]()
    expect(await audited('vm.console', vm.id)).toMatchObject({ ok: true, userName: 'ada', onName: vm.name })
    expect(await audited('vm.consoleOpen', vm.id)).toMatchObject({ ok: true, userName: 'ada', onName: vm.name })
    const { details, ok } = await audited('vm.consoleClose', vm.id)
    expect(ok).toBe(true)
    expect(details).toMatchObject({ end: 'viewer', kind: 'vnc', viewOnly: false })
    expect(details?.['bytesToViewer']).toBeGreaterThan(720 * 360 * 4)
    expect(details?.['bytesFromViewer']).toBeGreaterThan(40)
    expect(details?.['milliseconds']).toBeGreaterThan(0)
    expect(JSON.stringify(await tab.client.audit.list({ limit: 50 }))).not.toContain(ticket.ticket)
  })

  test('that is only watched shows the screen and takes nothing', async () => {
    const vm = nextVm()
    const { screen } = await open(vm.id, true)
    await using viewer = screen
    await viewer.look()
    viewer.key('W'.charCodeAt(0))
    viewer.point(300, 200, 1)
    viewer.cutText('rm -rf /')
    // An extended key event of QEMU.
    viewer.send([255, 0, 0, 1, 0, 0, 0, 0x58, 0, 0, 0, 0x2d])
    // Answered after what came before it.
    await viewer.look()
    await viewer.look()
    expect([0, 135]).toContain(viewer.litIn(4, 2))
    expect(viewer.litIn(4, 3)).toBe(0)
    expect(viewer.isLit(302, 202)).toBe(false)
  })

  test('as text is a terminal', async () => {
    const vm = nextVm()
    const ticket = await tab.client.vm.console({ id: vm.id, kind: 'text' })
    expect(ticket.protocol).toBe('vt100')
    const socket = dial(server.url, ticket)
    let shown = ''
    socket.on('message', (data: Buffer) => (shown += data.toString('latin1')))
    // Before there is a console: it waits.
    socket.on('open', () => socket.send(Buffer.from('early')))
    await expect.poll(() => shown, { timeout: 10_000 }).toContain('early')
    expect(shown).toContain(vm.name)
    socket.send(Buffer.from('uptime\r'))
    await expect.poll(() => shown, { timeout: 10_000 }).toContain('earlyuptime\r\n# ')
    socket.close()
    expect(await closeOf(socket)).toMatchObject({ code: 1005 })
  })

  test('ends when the VM stops', async () => {
    const vm = nextVm()
    const { socket } = await open(vm.id)
    const closed = closeOf(socket)
    await tab.client.vm.hardShutdown({ id: vm.id })
    // Nixen learns of it by an event, or the host ends the connection first.
    expect([consoleEnds.stopped.code, consoleEnds.host.code]).toContain((await closed).code)
    await eventually(async () => ((await tab.client.vm.get({ id: vm.id })).power === 'halted' ? true : undefined))
    await expect(tab.client.vm.console({ id: vm.id })).rejects.toMatchObject({ code: 'request.not_allowed' })
  })

  test('that somebody else has, where the pool allows one viewer, is closed with the reason', async () => {
    const vm = nextVm()
    await using xapi = await onPool()
    const [pool = asRef('pool', '')] = await xapi.client.pool.get_all()
    await xapi.client.pool.set_limit_console_sessions(pool, true)
    const { screen } = await open(vm.id)
    await using _first = screen
    const second = dial(server.url, await tab.client.vm.console({ id: vm.id }))
    const { code, reason } = await closeOf(second)
    await xapi.client.pool.set_limit_console_sessions(pool, false)
    expect(code).toBe(consoleEnds.failed.code)
    expect(reason).toContain('console.in_use: Somebody else')
    const refused = await tab.client.audit.list({ limit: 5 })
    expect(refused.items.find(({ ok }) => !ok)).toMatchObject({ action: 'vm.consoleOpen', code: 'console.in_use' })
  })
})

describe('the console of a host', () => {
  test('is that of its control domain, and a kind that it lacks is refused with the reason', async () => {
    const [host] = (await tab.client.host.list({})).items
    if (!host) throw new Error('There is no host')
    const socket = dial(server.url, await tab.client.host.console({ id: host.id, viewOnly: true }))
    await using screen = await RfbClient.greet(socket)
    await screen.look()
    expect(screen.name).toMatch(/control domain/i)
    await using xapi = await onPool()
    const { ref } = await tab.client.host.native({ id: host.id })
    const domain = await xapi.client.host.get_control_domain(asRef('host', ref ?? ''))
    for (const console of await xapi.client.VM.get_consoles(domain ?? asRef('VM', ''))) {
      if ((await xapi.client.console.get_protocol(console)) === 'vt100') await xapi.client.console.destroy(console)
    }
    await expect(tab.client.host.console({ id: host.id, kind: 'text' })).rejects.toMatchObject({
      code: 'console.none',
      message: expect.stringContaining('The host offers rfb only.'),
    })
  })
})

describe('a ticket', () => {
  test('opens one console once, for 30 seconds', async () => {
    const { id } = vms[0]!
    const ticket = await tab.client.vm.console({ id })
    expect(await refusalOf(dial(server.url, { ...ticket, ticket: `${ticket.ticket}x` }))).toEqual({
      status: 401,
      code: 'console.ticket_unknown',
    })
    const socket = dial(server.url, ticket)
    await once(socket, 'open')
    socket.close()
    expect(await refusalOf(dial(server.url, ticket))).toEqual({ status: 401, code: 'console.ticket_used' })
    const late = await tab.client.vm.console({ id })
    expect(late.expires - clock.now()).toBeLessThanOrEqual(30_000)
    skew += 30_001
    expect(await refusalOf(dial(server.url, late))).toEqual({ status: 401, code: 'console.ticket_expired' })
  })

  test('is for one user, is offered beside the protocol, and a page asks for it from this server only', async () => {
    const { id } = vms[0]!
    await tab.client.user.create({ name: 'eve', password, roles: [] })
    const eve = await logIn(server, { name: 'eve', password })
    const headers = { cookie: eve.cookie ?? '' }
    const code = async (ticket: Parameters<typeof dial>[1], options: Parameters<typeof dial>[2]) =>
      (await refusalOf(dial(server.url, ticket, options))).code
    const ticket = await tab.client.vm.console({ id })
    expect(await code(ticket, { origin: 'https://elsewhere.example.net' })).toBe('auth.bad_origin')
    expect(await code(ticket, { headers })).toBe('console.ticket_unknown')
    const bare = new WebSocket(consoleUrl(server.url, ticket), ['binary'])
    bare.on('error', () => undefined)
    expect(await refusalOf(bare)).toEqual({ status: 400, code: 'console.no_ticket' })
    const plain = await fetch(new URL(ticket.url, server.url))
    expect(plain.status).toBe(426)
    expect(await plain.json()).toMatchObject({ error: { code: 'console.not_websocket' } })
    await expect(eve.client.vm.console({ id })).rejects.toMatchObject({ code: 'auth.forbidden' })
  })

  test('is of no use once the permission is gone', async () => {
    const { id, name } = vms[0]!
    const grants = [{ actions: ['vm:read', 'vm:console'], scope: `name:"${name}"` }]
    const role = await tab.client.role.create({ name: 'late', grants })
    await tab.client.user.create({ name: 'lin', password, roles: [role.id] })
    const lin = await logIn(server, { name: 'lin', password })
    const ticket = await lin.client.vm.console({ id })
    await tab.client.role.update({ id: role.id, grants: [{ actions: ['vm:read'] }] })
    expect(await refusalOf(dial(server.url, ticket))).toEqual({ status: 403, code: 'auth.forbidden' })
  })
})

describe('an open console ends', () => {
  test('when its permission is withdrawn, and others go on', async () => {
    const { id } = vms[0]!
    const { screen: mine } = await open(id)
    await using other = mine
    const role = await tab.client.role.create({ name: 'watch', grants: [{ actions: ['vm:read', 'vm:console'] }] })
    await tab.client.user.create({ name: 'grace', password, roles: [role.id] })
    const grace = await logIn(server, { name: 'grace', password })
    const socket = dial(server.url, await grace.client.vm.console({ id }))
    await RfbClient.greet(socket)
    const closed = closeOf(socket)
    await tab.client.role.update({ id: role.id, grants: [{ actions: ['vm:read'] }] })
    expect((await closed).code).toBe(consoleEnds.forbidden.code)
    await other.look()
  })

  test('with the session, and with the token, that opened it', async () => {
    const { id } = vms[0]!
    const again = await logIn(server, { name: 'ada', password: 'correct horse battery' })
    const bySession = dial(server.url, await again.client.vm.console({ id }))
    await RfbClient.greet(bySession)
    const sessionEnds = closeOf(bySession)
    await again.client.session.logOut({})
    expect((await sessionEnds).code).toBe(consoleEnds.session.code)
  })

  test('when its connection is taken away or may be read only', async () => {
    const { id } = vms[0]!
    const connection = connectionOfId(id)
    const { socket } = await open(id)
    const { socket: watching } = await open(id, true)
    const closed = closeOf(socket)
    await tab.client.connection.update({ id: connection, readOnly: true })
    expect((await closed).code).toBe(consoleEnds.forbidden.code)
    await expect(tab.client.vm.console({ id })).rejects.toMatchObject({ code: 'connection.read_only' })
    const watchingEnds = closeOf(watching)
    await tab.client.connection.update({ id: connection, readOnly: false, enabled: false })
    expect((await watchingEnds).code).not.toBe(1000)
    await tab.client.connection.update({ id: connection, enabled: true })
    await eventually(async () => (await tab.client.vm.list({ q: 'power:running' })).items[0])
  })

  test('when the server stops, which does not wait for viewers', async () => {
    const id = (await eventually(async () => (await tab.client.vm.list({ q: 'power:running' })).items[0])).id
    const ticket = await eventually(async () => await tab.client.vm.console({ id }).catch(() => undefined))
    const socket = dial(server.url, ticket)
    await RfbClient.greet(socket)
    // Through the door of this machine as well.
    const path = `ws+unix://${server.localSocket}:/api/v1/console`
    const local = await tab.client.vm.console({ id })
    const byDoor = new WebSocket(path, ['binary', `nixen.ticket.${local.ticket}`])
    await RfbClient.greet(byDoor)
    const closed = Promise.all([closeOf(socket), closeOf(byDoor)])
    await server[Symbol.asyncDispose]()
    expect((await closed).map(({ code }) => code)).toEqual([1001, 1001])
    server = await testServer(state.path)
    tab = await logIn(server, { name: 'ada', password: 'correct horse battery' })
    expect(await audited('vm.consoleClose', id)).toMatchObject({ details: { end: 'stopping' } })
  })
})
