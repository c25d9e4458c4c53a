import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { duplexPair, type Duplex } from 'node:stream'
import { consoleEnds } from '@nixen/api'
import { systemClock } from '@nixen/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer, type ClientOptions } from 'ws'
import { closeOf } from '../../test/rfb-client.ts'
import { filterFor, type ViewerFilter } from './filter.ts'
import { Ended, relay, relayLimits, type Relayed, type RelayLimits } from './relay.ts'

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: 1 << 20 })
beforeAll(async () => {
  if (server.address() === null) await once(server, 'listening')
})
afterAll(() => {
  server.close()
})

interface World {
  readonly viewer: WebSocket
  /** The host's end of the console. */
  readonly host: Duplex
  readonly done: Promise<Relayed>
  readonly stop: AbortController
}

interface WorldOptions {
  readonly limits?: Partial<RelayLimits>
  readonly filter?: ViewerFilter
  readonly client?: ClientOptions
}

/** A viewer, a relay and a host. */
async function connect({ limits, filter = filterFor('rfb', false), client }: WorldOptions = {}): Promise<World> {
  const { port } = server.address() as AddressInfo
  const accepted = once(server, 'connection')
  const viewer = new WebSocket(`ws://127.0.0.1:${port}`, client)
  viewer.on('error', () => undefined)
  const [socket] = (await accepted) as [WebSocket]
  const [console, host] = duplexPair()
  host.on('error', () => undefined)
  const stop = new AbortController()
  const options = { filter, clock: systemClock, limits: { ...relayLimits, ...limits }, signal: stop.signal }
  const done = relay(socket, console, options)
  if (viewer.readyState !== WebSocket.OPEN) await once(viewer, 'open')
  return { viewer, host, done, stop }
}

const mebibyte = 1 << 20

describe('a relay', () => {
  test('passes bytes on unchanged, both ways, and counts them', async () => {
    const { viewer, host, done } = await connect()
    const fromHost: Buffer[] = []
    viewer.on('message', (data: Buffer) => fromHost.push(data))
    const shown = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) & 255))
    host.write(shown)
    viewer.send(Buffer.from('one'))
    viewer.send(Buffer.from('two'))
    const typed: Buffer[] = []
    host.on('data', (data: Buffer) => typed.push(data))
    await expect.poll(() => Buffer.concat(typed).toString(), { timeout: 10_000 }).toBe('onetwo')
    await expect.poll(() => Buffer.concat(fromHost).equals(shown), { timeout: 10_000 }).toBe(true)
    viewer.close()
    expect(await done).toEqual({ end: 'viewer', bytesToViewer: 300_000, bytesFromViewer: 6 })
    expect(host.readableEnded || host.destroyed).toBe(true)
  })

  test('sends all that the host sent before it ended', async () => {
    const { viewer, host, done } = await connect()
    let received = 0
    viewer.on('message', (data: Buffer) => (received += data.length))
    const closed = closeOf(viewer)
    host.end(Buffer.alloc(3 * mebibyte, 1))
    expect(await closed).toEqual({ code: consoleEnds.host.code, reason: consoleEnds.host.text })
    expect(received).toBe(3 * mebibyte)
    expect((await done).end).toBe('host')
  })

  test('does not read a host on for a viewer that is slow, and loses nothing', async () => {
    const { viewer, host, done } = await connect()
    viewer.pause()
    const part = Buffer.alloc(64 * 1024, 5)
    let written = 0
    let stalled = 0
    // Until nothing has been taken any more for as long as a hundred looks.
    while (stalled < 100 && written < 256 * mebibyte) {
      if (host.writableNeedDrain) {
        stalled++
        await systemClock.sleep(5)
      } else {
        stalled = 0
        host.write(part)
        written += part.length
      }
    }
    // What is under way is in buffers of the kernel, and a few of ours.
    expect(written).toBeLessThan(64 * mebibyte)
    let received = 0
    viewer.on('message', (data: Buffer) => (received += data.length))
    viewer.resume()
    await expect.poll(() => received, { timeout: 20_000 }).toBe(written)
    viewer.close()
    expect(await done).toMatchObject({ end: 'viewer', bytesToViewer: written })
  })

  test('does not read a viewer on for a host that is slow', async () => {
    const { viewer, host, done, stop } = await connect()
    const part = Buffer.alloc(mebibyte / 4, 6)
    for (let i = 0; i < 400; i++) viewer.send(part)
    let before = -1
    // What the kernel does not take any more stays with the viewer.
    await expect
      .poll(
        () => {
          const still = viewer.bufferedAmount === before
          before = viewer.bufferedAmount
          return still && before > 0
        },
        { timeout: 20_000, interval: 300 },
      )
      .toBe(true)
    expect(viewer.bufferedAmount).toBeGreaterThan(30 * mebibyte)
    let received = 0
    host.on('data', (data: Buffer) => (received += data.length))
    await expect.poll(() => received, { timeout: 20_000 }).toBe(100 * mebibyte)
    stop.abort(new Ended('forbidden'))
    expect((await done).end).toBe('forbidden')
  })

  test('ends for the reason that it is given, also with a viewer that does not read', async () => {
    const { viewer, host, done, stop } = await connect()
    viewer.pause()
    for (let i = 0; i < 1000 && !host.writableNeedDrain; i++) host.write(Buffer.alloc(mebibyte))
    stop.abort(new Ended('stopping'))
    expect((await done).end).toBe('stopping')
    viewer.terminate()
  })

  test('ends when nothing happens for long', async () => {
    const { viewer, done } = await connect({ limits: { beat: 20, idle: 100 } })
    const closed = closeOf(viewer)
    expect((await done).end).toBe('idle')
    expect((await closed).code).toBe(consoleEnds.idle.code)
  })

  test('ends when the viewer does not answer any more, and not before', async () => {
    const limits = { beat: 50, silent: 2000 }
    const { done: gone } = await connect({ limits, client: { autoPong: false } })
    const { viewer, done } = await connect({ limits })
    expect((await gone).end).toBe('silent')
    expect(viewer.readyState).toBe(WebSocket.OPEN)
    viewer.close()
    expect((await done).end).toBe('viewer')
  })

  test.each([
    ['text', 'ls', consoleEnds.text_message.code],
    ['more than fits', Buffer.alloc(mebibyte + 1), 1009],
  ])('takes binary messages of a bounded length only, not %s', async (_what, message, code) => {
    const { viewer, done } = await connect()
    const closed = closeOf(viewer)
    viewer.send(message)
    expect((await closed).code).toBe(code)
    await done
  })

  test('of a console that is only watched ends when the viewer sends what nobody knows', async () => {
    const { viewer, host, done } = await connect({ filter: filterFor('rfb', true) })
    const closed = closeOf(viewer)
    host.write('RFB 003.008\n')
    viewer.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
    expect((await closed).code).toBe(consoleEnds.protocol.code)
    expect((await done).end).toBe('protocol')
  })

  test('of a terminal that is only watched takes nothing', async () => {
    const { viewer, host, done } = await connect({ filter: filterFor('vt100', true) })
    const typed: Buffer[] = []
    host.on('data', (data: Buffer) => typed.push(data))
    viewer.send(Buffer.from('reboot\r'))
    viewer.close()
    expect(await done).toMatchObject({ end: 'viewer', bytesFromViewer: 7 })
    expect(typed).toEqual([])
  })
})
