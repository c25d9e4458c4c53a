import { request } from 'node:http'
import type { Duplex } from 'node:stream'
import { inflateSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createWebSocketStream, WebSocket } from 'ws'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type Loose, type TestClient } from './client.ts'
import { RfbViewer } from './rfb-viewer.ts'

let toolstack: Toolstack
let client: TestClient

beforeAll(async () => {
  const users = [
    { name: 'reader', password: 'r', role: 'read-only' as const },
    { name: 'operator', password: 'o', role: 'pool-operator' as const },
  ]
  toolstack = await quickToolstack({ vms: 6, users })
  client = await logIn(toolstack.url)
})
afterAll(() => toolstack[Symbol.asyncDispose]())

interface Opened {
  readonly status: number | undefined
  readonly socket: Duplex
}

type Open = (path: string, headers?: Record<string, string>) => Promise<Opened>

const ownCookie = (): Record<string, string> => ({ cookie: `session_id=${client.session}` })

const byConnect: Open = (path, headers = ownCookie()) =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(toolstack.url)
    const sent = request({ hostname, port, method: 'CONNECT', path, headers })
    sent.once('connect', (response, socket, head) => {
      socket.unshift(head)
      resolve({ status: response.statusCode, socket })
    })
    sent.once('error', reject)
    sent.end()
  })

const byWebSocket: Open = (path, headers = ownCookie()) =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${toolstack.url.replace('http', 'ws')}${path}`, ['binary'], { headers })
    const stream = createWebSocketStream(socket)
    stream.on('error', () => undefined)
    socket.once('open', () => resolve({ status: 200, socket: stream }))
    socket.once('unexpected-response', (_request, response) => resolve({ status: response.statusCode, socket: stream }))
    socket.once('error', reject)
  })

const running = async (): Promise<readonly [string, Loose]> =>
  await find(client, 'VM', (record) => record.power_state === 'Running' && !record.is_control_domain)

async function consoleOf(vm: string, protocol: string): Promise<Loose> {
  return (await find(client, 'console', (record) => record.VM === vm && record.protocol === protocol))[1]
}

describe.each([
  ['CONNECT', byConnect],
  ['a WebSocket', byWebSocket],
])('the console of a machine by %s', (_name, open) => {
  test('shows a screen by RFB, and changes when keys are pressed and the pointer moves', async () => {
    const [vmRef, vm] = await running()
    const { uuid, location } = await consoleOf(vmRef, 'rfb')
    expect(location).toContain(`/console?uuid=${uuid}`)
    const { status, socket } = await open(`/console?uuid=${uuid}`)
    expect(status).toBe(200)
    const viewer = new RfbViewer(socket)
    await viewer.greet()
    expect(viewer.name).toBe(vm.name_label)
    expect(await viewer.look(false)).toEqual([0, 0, viewer.width, viewer.height])
    expect(new Set(viewer.pixels).size).toBe(2)
    // A key is one letter; a blinking cursor may come before it.
    const before = viewer.pixels.slice()
    viewer.key(0x41)
    viewer.key(0x42)
    viewer.key(0x43)
    await expect
      .poll(async () => (await viewer.look(true), viewer.pixels.filter((p, i) => p !== before[i]).length))
      .toBeGreaterThan(200)
    viewer.point(500, 300, 1)
    const at = (x: number, y: number): number | undefined => viewer.pixels[y * viewer.width + x]
    const [dark, lit] = [at(viewer.width - 1, viewer.height - 1), new Set(viewer.pixels)]
    await expect.poll(async () => (await viewer.look(true), at(503, 303))).not.toBe(dark)
    expect(lit.size).toBe(2)
    // The pixels are the same in a picture.
    const picture = await fetch(`${toolstack.url}/vncsnapshot?uuid=${vm.uuid}`, { headers: ownCookie() })
    expect(picture.headers.get('content-type')).toBe('image/png')
    const { width, height, pixel } = readPng(Buffer.from(await picture.arrayBuffer()))
    expect([width, height]).toEqual([viewer.width, viewer.height])
    expect(pixel(503, 303)).not.toBe(pixel(width - 1, height - 1))
    socket.destroy()
  })

  test('shows two clients one screen, and ends when the machine stops', async () => {
    const [ref, vm] = await running()
    const [a, b] = [await open(`/console?uuid=${vm.uuid}`), await open(`/console?ref=${ref}`)]
    const [first, second] = [new RfbViewer(a.socket), new RfbViewer(b.socket)]
    await first.greet()
    await second.greet()
    await second.look(false)
    const before = second.pixels.slice()
    for (const _ of 'long line') first.key(0x57)
    await expect
      .poll(async () => (await second.look(true), second.pixels.filter((p, i) => p !== before[i]).length))
      .toBeGreaterThan(500)
    await client.call('VM.hard_shutdown', ref)
    for (const viewer of [first, second]) {
      // What was on its way comes first.
      await expect(async () => {
        for (;;) await viewer.look(true)
      }).rejects.toThrow(/.+/)
    }
    await client.call('VM.start', ref, false, false)
  })

  test('is a serial line where the protocol is vt100', async () => {
    const [ref, vm] = await running()
    const { uuid } = await consoleOf(ref, 'vt100')
    const { socket } = await open(`/console?uuid=${uuid}`)
    let text = ''
    socket.on('data', (part: Buffer) => (text += part.toString()))
    await expect.poll(() => text).toContain(vm.name_label)
    socket.write('uptime\r')
    await expect.poll(() => text).toContain('# uptime\r\n# ')
    socket.destroy()
  })

  test('is for those who may, and for machines that run here', async () => {
    const [ref, vm] = await find(client, 'VM', (record) => record.power_state === 'Halted' && !record.is_a_template)
    const [up, { uuid }] = await running()
    const [dom0] = await find(client, 'VM', (record) => record.is_control_domain)
    const basic = (who: string): Record<string, string> => ({
      authorization: `Basic ${Buffer.from(who).toString('base64')}`,
    })
    for (const [path, headers, status] of [
      [`/console?uuid=${vm.uuid}`, undefined, 404],
      [`/console?ref=${ref}`, undefined, 404],
      ['/console?uuid=none', undefined, 404],
      ['/console', undefined, 404],
      [`/console?uuid=${uuid}`, { cookie: 'session_id=no' }, 401],
      [`/console?uuid=${uuid}`, {}, 401],
      [`/console?uuid=${uuid}`, basic('root:wrong'), 401],
      [`/console?uuid=${uuid}`, basic('reader:r'), 403],
      [`/console?uuid=${uuid}`, basic('root:nixen'), 200],
      [`/console?uuid=${uuid}&session_id=${client.session}`, {}, 200],
      [`/console?ref=${up}`, undefined, 200],
      [`/console?ref=${dom0}`, undefined, 200],
      [`/console?ref=${dom0}`, basic('operator:o'), 403],
      [`/console?uuid=${uuid}`, basic('operator:o'), 200],
    ] as const) {
      const answer = await open(path, headers)
      expect([path, headers, answer.status]).toEqual([path, headers, status])
      answer.socket.destroy()
    }
  })

  test('is for one client at a time where the pool says so', async () => {
    const [pool] = await find(client, 'pool')
    const [, vm] = await running()
    await client.call('pool.set_limit_console_sessions', pool, true)
    const first = await open(`/console?uuid=${vm.uuid}`)
    expect((await open(`/console?uuid=${vm.uuid}`)).status).toBe(503)
    first.socket.destroy()
    await expect.poll(async () => (await open(`/console?uuid=${vm.uuid}`)).status, { timeout: 10_000 }).toBe(200)
    await client.call('pool.set_limit_console_sessions', pool, false)
  })
})

test('CONNECT is for consoles only', async () => {
  expect((await byConnect('/elsewhere')).status).toBe(404)
})

describe('GET /console', () => {
  test('refuses other subprotocols, and requests that are no WebSocket', async () => {
    const [, vm] = await running()
    const url = `${toolstack.url}/console?uuid=${vm.uuid}`
    expect((await fetch(url, { headers: ownCookie() })).status).toBe(426)
    const socket = new WebSocket(url.replace('http', 'ws'), ['base64'], { headers: ownCookie() })
    const status = await new Promise((resolve, reject) => {
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode))
      socket.once('error', reject)
    })
    expect(status).toBe(400)
  })

  test('needs no subprotocol', async () => {
    const [, vm] = await running()
    const url = `${toolstack.url.replace('http', 'ws')}/console?uuid=${vm.uuid}&session_id=${client.session}`
    const socket = new WebSocket(url)
    const first = await new Promise<Buffer>((resolve, reject) => {
      // Binary messages come as one buffer.
      socket.once('message', (data) => resolve(data as Buffer))
      socket.once('error', reject)
    })
    expect([socket.protocol, first.toString()]).toEqual(['', 'RFB 003.008\n'])
    socket.terminate()
  })
})

/** Reads a PNG of one byte per pixel without filters. */
function readPng(bytes: Buffer): {
  width: number
  height: number
  pixel: (x: number, y: number) => number | undefined
} {
  expect(bytes.subarray(1, 4).toString()).toBe('PNG')
  const chunks = new Map<string, Buffer>()
  for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    chunks.set(bytes.toString('latin1', at + 4, at + 8), bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at)))
  }
  const header = chunks.get('IHDR') ?? Buffer.alloc(0)
  const rows = inflateSync(chunks.get('IDAT') ?? Buffer.alloc(0))
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)]
  return { width, height, pixel: (x, y) => rows[y * (width + 1) + 1 + x] }
}
