import { request } from 'node:http'
import type { Socket } from 'node:net'
import { ByteReader } from '@nixen/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Toolstack } from '../src/index.ts'
import { find, logIn, quickToolstack, type TestClient } from './client.ts'

let toolstack: Toolstack
let client: TestClient

beforeAll(async () => {
  toolstack = await quickToolstack({ vms: 6 })
  client = await logIn(toolstack.url)
})
afterAll(() => toolstack[Symbol.asyncDispose]())

function connect(
  path: string,
  cookie = `session_id=${client.session}`,
): Promise<{ status: number | undefined; socket: Socket }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(toolstack.url)
    const sent = request({ hostname, port, method: 'CONNECT', path, headers: { cookie } })
    sent.once('connect', (response, socket, head) => {
      socket.unshift(head)
      resolve({ status: response.statusCode, socket })
    })
    sent.once('error', reject)
    sent.end()
  })
}

describe('the console of a machine', () => {
  test('shows a screen by RFB, and changes when keys are pressed', async () => {
    const [, vm] = await find(client, 'VM', (record) => record.power_state === 'Running' && !record.is_control_domain)
    const { status, socket } = await connect(`/console?ref=${vm.consoles[0]}`)
    expect(status).toBe(200)
    const reader = new ByteReader(socket as AsyncIterable<Buffer>)
    expect(Buffer.from(await reader.read(12)).toString()).toBe('RFB 003.008\n')
    socket.write('RFB 003.008\n')
    expect([...(await reader.read(2))]).toEqual([1, 1])
    socket.write(Buffer.from([1]))
    expect([...(await reader.read(4))]).toEqual([0, 0, 0, 0])
    socket.write(Buffer.from([1]))
    const init = Buffer.from(await reader.read(24))
    const [width, height] = [init.readUInt16BE(0), init.readUInt16BE(2)]
    expect(Buffer.from(await reader.read(init.readUInt32BE(20))).toString()).toBe(vm.name_label)
    const screen = async (incremental: number): Promise<Buffer> => {
      socket.write(Buffer.from([3, incremental, 0, 0, 0, 0, width >> 8, width & 255, height >> 8, height & 255]))
      await reader.read(16)
      return Buffer.from(await reader.read(width * height * 4))
    }
    const before = await screen(0)
    expect(new Set(new Uint32Array(before.buffer, before.byteOffset, before.length / 4)).size).toBe(2)
    socket.write(Buffer.from([4, 1, 0, 0, 0, 0, 0, 0x41]))
    expect((await screen(1)).equals(before)).toBe(false)
    socket.destroy()
  })

  test('is refused to strangers, and for machines that do not run', async () => {
    const [, vm] = await find(client, 'VM', (record) => record.power_state === 'Halted' && !record.is_a_template)
    for (const [path, cookie, status] of [
      [`/console?uuid=${vm.uuid}`, undefined, 404],
      ['/console?uuid=none', undefined, 404],
      [`/console?uuid=${vm.uuid}`, 'session_id=no', 401],
    ] as const) {
      const answer = await connect(path, cookie)
      expect(answer.status).toBe(status)
      answer.socket.destroy()
    }
  })
})
