import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { joinTerminal } from './terminal.ts'

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
beforeAll(async () => {
  if (server.address() === null) await once(server, 'listening')
})
afterAll(() => {
  server.close()
})

/** A terminal that is typed on, and the console at the other end. */
async function joined(isTTY: boolean) {
  const accepted = once(server, 'connection')
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const [console] = (await accepted) as [WebSocket]
  if (socket.readyState !== WebSocket.OPEN) await once(socket, 'open')
  const typed: Buffer[] = []
  console.on('message', (bytes: Buffer) => typed.push(bytes))
  const raw: boolean[] = []
  const input = Object.assign(new PassThrough(), { isTTY, setRawMode: (on: boolean) => raw.push(on) })
  const output = new PassThrough()
  const stop = new AbortController()
  const left = joinTerminal(socket, { input, output }, stop.signal)
  return { console, input, output, left, stop, raw, typed: () => Buffer.concat(typed).toString() }
}

test('a terminal passes every key on, Ctrl-C too, until Ctrl-]', async () => {
  const { console, input, output, left, raw, typed } = await joined(true)
  console.send(Buffer.from('login: '))
  const [shown] = (await once(output, 'data')) as [Buffer]
  expect(shown.toString()).toBe('login: ')
  input.write('ls\u{3}\r')
  await expect.poll(typed, { timeout: 10_000 }).toBe('ls\u{3}\r')
  input.write('x\u{1D}not sent')
  expect((await left).code).toBe(1000)
  expect(typed()).toBe('ls\u{3}\rx')
  expect(raw).toEqual([true, false])
})

test('a pipe passes every byte on, and its end ends nothing', async () => {
  const { console, input, output, left, typed } = await joined(false)
  input.end('a\u{1D}b')
  await expect.poll(typed, { timeout: 10_000 }).toBe('a\u{1D}b')
  console.send(Buffer.from('answer'))
  await once(output, 'data')
  console.close(4002, 'It does not run any more.')
  expect(await left).toEqual({ code: 4002, reason: 'It does not run any more.' })
})

test('an interruption leaves', async () => {
  const { left, stop } = await joined(false)
  stop.abort()
  expect((await left).code).toBe(1000)
})
