import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:net'
import { makeCertificate, startScriptedXapi } from '@nixen/testkit'
import { asRef } from '@nixen/xapi'
import { describe, expect, test } from 'vitest'
import { Reader } from '../src/conformance/index.ts'
import { xapiProvider } from '../src/index.ts'
import { quickToolstack, specAt, specOf } from './connect.ts'
import { connect } from './toolstack-target.ts'

const provider = xapiProvider

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

describe('the keeper', () => {
  test('lets a pool that takes connections and never answers cost the others nothing', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    await using toolstack = await quickToolstack({ vms: 3 })
    await using _dead = new Reader({ provider, spec: specAt(`https://127.0.0.1:${portOf(silent)}`) })
    await using live = new Reader({ provider, spec: specOf(toolstack) })
    await live.until(() => live.synced > 0, { within: 2000 })
    expect(live.state).toBe('connected')
    silent.close()
  })

  test('says which address does not answer, and when it tries again', async () => {
    await using reader = new Reader({ provider, spec: specAt('https://127.0.0.1:1') })
    await reader.until(() => reader.state === 'waiting')
    const { error, retryAt, since } = reader.keeper.status
    expect(error).toMatchObject({ code: 'connection.unreachable', details: { address: 'https://127.0.0.1:1' } })
    expect(retryAt).toBeGreaterThanOrEqual(since)
    expect(() => reader.keeper.session).toThrow(/not connected now/)
  })

  test('goes to another member that it knows when the first does not answer', async () => {
    await using toolstack = await quickToolstack({ hosts: 2, vms: 2 })
    const spec = specOf(toolstack, { address: `https://127.0.9.9:${toolstack.port}`, members: [{ host: '127.0.1.2' }] })
    await using reader = new Reader({ provider, spec })
    await reader.until(() => reader.synced > 0)
    expect(reader.keeper.status.activeAddress).toBe(`127.0.1.1:${toolstack.port}`)
  })

  test('refuses a certificate that changed while it was connected, and goes on when it is the old one again', async () => {
    const [first, second] = await Promise.all([makeCertificate(), makeCertificate()])
    const server = await startScriptedXapi({ certificate: first })
    const { port } = server
    await using reader = new Reader({ provider, spec: specAt(server.url, { fingerprint: first.fingerprint }) })
    await reader.until(() => reader.synced > 0)
    await server.stop()
    const other = await startScriptedXapi({ certificate: second, port })
    await reader.until(() => reader.state === 'failed', { within: 8000 })
    expect(reader.keeper.status.error?.code).toBe('connection.certificate_changed')
    expect(other.seen.filter(({ call }) => call !== undefined)).toEqual([])
    await other.stop()
    await using _again = await startScriptedXapi({ certificate: first, port })
    reader.keeper.retry()
    await reader.until(() => reader.state === 'connected')
  })

  test('stops when the password is refused in the middle, and does not forget what it knows', async () => {
    await using toolstack = await quickToolstack({ vms: 2 })
    await using reader = new Reader({ provider, spec: specOf(toolstack) })
    await reader.until(() => reader.synced > 0)
    const { size } = reader.objects
    await using xapi = await connect(toolstack)
    const { faults } = toolstack.pools[0]!
    const refusal = ['SESSION_AUTHENTICATION_FAILED', 'root', 'Authentication failure'] as const
    const refused = faults.add({ method: 'session.login_with_password', error: refusal })
    faults.add({ method: 'event.from', count: 1, error: ['SESSION_INVALID', 'gone'] })
    // A change ends the call that waits.
    const id = [...reader.objects.keys()].find((key) => key.startsWith('vm.'))!
    const { ref } = await reader.keeper.session.native(id)
    await xapi.client.VM.set_name_label(asRef('VM', ref), 'changed')
    await reader.until(() => reader.state === 'failed')
    expect(reader.keeper.status.error?.code).toBe('connection.wrong_credentials')
    expect(reader.objects.size).toBe(size)
    expect(refused.used).toBe(1)
  })

  test('takes no other pool for the one that it knows', async () => {
    await using server = await startScriptedXapi()
    await using reader = new Reader({ provider, spec: specAt(server.url, { poolKey: 'another' }) })
    await reader.until(() => reader.state === 'failed')
    expect(reader.keeper.status.error?.code).toBe('connection.other_pool')
  })

  test('says that an address is no XAPI host', async () => {
    const site = createHttpServer((_, response) => response.setHeader('content-type', 'text/html').end('<html>'))
    await once(site.listen(0, '127.0.0.1'), 'listening')
    await using reader = new Reader({ provider, spec: specAt(`http://127.0.0.1:${portOf(site)}`) })
    await reader.until(() => reader.state === 'failed')
    expect(reader.keeper.status.error?.code).toBe('connection.not_the_product')
    site.close()
  })
})
