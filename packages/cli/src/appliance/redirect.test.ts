import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { elsewhere, redirector } from './redirect.ts'

const server = redirector((host) => elsewhere(host, 8443))
let port = 0
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  port = typeof address === 'object' && address !== null ? address.port : 0
})
afterAll(() => void server.close())

async function answer(host: string, path = '/'): Promise<{ status: number | undefined; location: string | undefined }> {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number | undefined
    location: string | undefined
  }>()
  const call = request({ host: '127.0.0.1', port, path, headers: { host }, agent: false }, (response) => {
    response.resume()
    resolve({ status: response.statusCode, location: response.headers.location })
  })
  call.on('error', reject).end()
  return await promise
}

describe('plain HTTP', () => {
  test.each([
    ['nixen.example.net', '/vms?q=a%0Ab', 'https://nixen.example.net:8443/vms?q=a%0Ab'],
    ['10.0.0.5:80', '/', 'https://10.0.0.5:8443/'],
    ['[fd00::1]:80', '/', 'https://[fd00::1]:8443/'],
    ['nixen', '//evil.example/', 'https://nixen:8443//evil.example/'],
  ])('of %s%s goes to %s', async (host, path, location) => {
    expect(await answer(host, path)).toEqual({ status: 308, location })
  })

  test.each(['evil.example/x', 'a@b'])('does not repeat a host that is none: "%s"', async (host) => {
    expect((await answer(host)).status).toBe(400)
  })

  test('answers nonsense with 400', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.end('\0\0\0 nonsense\r\n\r\n')
    const parts: Buffer[] = []
    for await (const part of socket as AsyncIterable<Buffer>) parts.push(part)
    expect(Buffer.concat(parts).toString()).toMatch(/^HTTP\/1\.1 400/)
  })
})
