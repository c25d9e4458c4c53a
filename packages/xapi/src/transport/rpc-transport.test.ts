import { isAppError } from '@nixen/core'
import { makeCertificate, startScriptedXapi, type Fault, type ScriptedXapi, type TestCertificate } from '@nixen/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { isXapiError } from '../errors.ts'
import { parseEndpoint } from './endpoint.ts'
import { HttpClient } from './http-client.ts'
import { RpcTransport } from './rpc-transport.ts'
import { TrustStore, type TlsTrust } from './trust.ts'

const unhandled: unknown[] = []
const onUnhandled = (reason: unknown): void => void unhandled.push(reason)
const limits = { concurrency: 4, callTimeout: 20_000, maxAnswerBytes: 1_000_000 }
const clients: HttpClient[] = []

beforeAll(() => process.on('unhandledRejection', onUnhandled))
afterAll(() => {
  process.off('unhandledRejection', onUnhandled)
  if (unhandled.length > 0) throw new Error('a rejection was not handled', { cause: unhandled[0] })
})
afterEach(() => {
  for (const client of clients.splice(0)) client[Symbol.dispose]()
})

function transport(trust: TlsTrust = { kind: 'ca' }, overrides: Partial<typeof limits> = {}): RpcTransport {
  const http = new HttpClient({ trust: new TrustStore(trust), timeout: 2000 })
  clients.push(http)
  return new RpcTransport(http, { ...limits, ...overrides })
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => expect.fail('the call succeeded'),
    (error: unknown) => error,
  )
}

async function login(rpc: RpcTransport, server: ScriptedXapi): Promise<unknown> {
  const params = ['root', 'secret', '1.0', 'test']
  return await rpc.call(parseEndpoint(server.url), { method: 'session.login_with_password', params })
}

describe('a call', () => {
  test('sends its parameters and resolves with the result, over one connection for calls in a row', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    const rpc = transport()
    const session = await login(rpc, server)
    const endpoint = parseEndpoint(server.url)
    for (let i = 0; i < 3; i++) await rpc.call(endpoint, { method: 'VM.get_all', params: [session] })
    expect(server.connections).toBe(1)
    expect(server.seen.at(-1)?.params).toEqual([session])
  })

  test('rejects with the code and the parameters of the host', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    const rpc = transport()
    const session = await login(rpc, server)
    const call = rpc.call(parseEndpoint(server.url), { method: 'VM.get_record', params: [session, 'OpaqueRef:none'] })
    const error = await failureOf(call)
    expect(isXapiError(error, 'HANDLE_INVALID') && error.params).toEqual(['VM', 'OpaqueRef:none'])
  })

  test('waits for a place when too many others are under way', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    const rpc = transport({ kind: 'ca' }, { concurrency: 2 })
    let running = 0
    let most = 0
    server.method('pool.slow', async () => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 20))
      running--
    })
    const session = await login(rpc, server)
    const endpoint = parseEndpoint(server.url)
    await Promise.all(Array.from({ length: 6 }, () => rpc.call(endpoint, { method: 'pool.slow', params: [session] })))
    expect(most).toBe(2)
  })

  test('ends with the reason of its signal', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    server.fail({ fault: { kind: 'never-answer' } })
    const stop = new AbortController()
    const call = transport().call(parseEndpoint(server.url), { method: 'x.y', params: [], signal: stop.signal })
    setTimeout(() => stop.abort(new Error('enough')), 30)
    expect(await failureOf(call)).toBe(stop.signal.reason)
  })
})

describe('a server that misbehaves gives a typed error within the time-out:', () => {
  const cases: [Fault, string][] = [
    [{ kind: 'truncate', after: 20 }, 'xapi.truncated'],
    [{ kind: 'reset-after', after: 20 }, 'xapi.truncated'],
    [{ kind: 'reset' }, 'xapi.truncated'],
    [{ kind: 'oversize' }, 'xapi.too_large'],
    [{ kind: 'content-type', contentType: 'text/xml' }, 'xapi.wrong_content_type'],
    [{ kind: 'never-answer' }, 'xapi.timeout'],
    [{ kind: 'trickle', everyMs: 50 }, 'xapi.timeout'],
    [{ kind: 'status', status: 500 }, 'xapi.http_status'],
    [{ kind: 'status', status: 302 }, 'xapi.http_status'],
    [{ kind: 'body', body: '<html>' }, 'xapi.bad_answer'],
    [{ kind: 'body', body: '' }, 'xapi.truncated'],
    [{ kind: 'body', body: '{"jsonrpc":"2.0"' }, 'xapi.truncated'],
    [{ kind: 'body', body: '{"jsonrpc":"2.0","id":1}' }, 'xapi.bad_answer'],
  ]
  test.each(cases)('%o', async (fault, code) => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    server.fail({ fault, times: 2 })
    // A time-out that is waited for is short; all others end long before theirs.
    const rpc = transport({ kind: 'ca' }, code === 'xapi.timeout' ? { callTimeout: 400 } : {})
    const error = await failureOf(rpc.call(parseEndpoint(server.url), { method: 'VM.start', params: ['x'] }))
    expect(error).toMatchObject({ name: 'AppError', code })
  })

  test('nobody listens', async () => {
    const server = await startScriptedXapi({ pool: { vms: 1 } })
    const endpoint = parseEndpoint(server.url)
    await server.stop()
    const error = await failureOf(transport().call(endpoint, { method: 'VM.start', params: [] }))
    expect(isAppError(error, 'xapi.unreachable')).toBe(true)
  })

  test('a content type with a charset is fine', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    server.fail({ fault: { kind: 'content-type', contentType: 'Application/JSON; charset=utf-8' } })
    await expect(login(transport(), server)).resolves.toMatch(/^OpaqueRef:/)
  })
})

describe('a connection that breaks before an answer', () => {
  test('is tried once more for a call that may be repeated', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    const rpc = transport()
    const session = await login(rpc, server)
    server.fail({ fault: { kind: 'reset' } })
    await rpc.call(parseEndpoint(server.url), { method: 'VM.get_all', params: [session] })
    expect(server.seen.filter(({ call }) => call === 'VM.get_all')).toHaveLength(2)
  })

  test('is never repeated for a call that changes something', async () => {
    await using server = await startScriptedXapi({ pool: { vms: 1 } })
    const rpc = transport()
    const session = await login(rpc, server)
    server.fail({ fault: { kind: 'reset' } })
    await failureOf(rpc.call(parseEndpoint(server.url), { method: 'VM.start', params: [session] }))
    expect(server.seen.filter(({ call }) => call === 'VM.start')).toHaveLength(1)
  })
})

describe('a certificate', () => {
  let certificate: TestCertificate
  let other: TestCertificate
  beforeAll(async () => {
    certificate = await makeCertificate()
    other = await makeCertificate()
  })

  async function tryTrust(trust: TlsTrust, presented = certificate): Promise<unknown> {
    await using server = await startScriptedXapi({ certificate: presented, pool: { vms: 1 } })
    try {
      return await login(transport(trust), server)
    } catch (error) {
      // Nothing, the password least of all, goes to a host that is not trusted.
      if (server.seen.length > 0) throw new Error('the host was talked to', { cause: error })
      return error
    }
  }

  test('is accepted when its authority is known', async () => {
    expect(await tryTrust({ kind: 'ca', ca: certificate.cert })).toMatch(/^OpaqueRef:/)
  })

  test('is accepted when an authority has signed it', async () => {
    const leaf = await makeCertificate({ issuer: certificate })
    expect(await tryTrust({ kind: 'ca', ca: certificate.cert }, leaf)).toMatch(/^OpaqueRef:/)
  })

  test('is refused when its authority is not known, with its fingerprint', async () => {
    const error = await tryTrust({ kind: 'ca' })
    expect(isAppError(error, 'xapi.certificate_untrusted') && error.details['fingerprint']).toBe(
      certificate.fingerprint,
    )
  })

  test('is refused when it has expired', async () => {
    const expired = await makeCertificate({ notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') })
    const error = await tryTrust({ kind: 'ca', ca: expired.cert }, expired)
    expect(isAppError(error, 'xapi.certificate_untrusted') && error.details['reason']).toMatch(/expired/)
  })

  test('is refused when it is for another address', async () => {
    const elsewhere = await makeCertificate({ addresses: ['127.9.9.9'] })
    const error = await tryTrust({ kind: 'ca', ca: elsewhere.cert }, elsewhere)
    expect(isAppError(error, 'xapi.certificate_untrusted')).toBe(true)
  })

  test.each(['as it is', 'lower case', 'bare'])('is accepted by its fingerprint, written %s', async (form) => {
    const { fingerprint } = certificate
    const written = form === 'as it is' ? fingerprint : fingerprint.toLowerCase()
    expect(
      await tryTrust({ kind: 'pin', fingerprint: form === 'bare' ? written.replaceAll(':', '') : written }),
    ).toMatch(/^Opaque/)
  })

  test('is refused when another one is pinned, with both fingerprints', async () => {
    const error = await tryTrust({ kind: 'pin', fingerprint: other.fingerprint })
    expect(isAppError(error, 'xapi.certificate_untrusted') && error.details).toMatchObject({
      fingerprint: certificate.fingerprint,
      expected: other.fingerprint,
    })
  })

  test('is shown once, and pinned from then on', async () => {
    await using server = await startScriptedXapi({ certificate, pool: { vms: 1 } })
    const shown: string[] = []
    const trust: TlsTrust = { kind: 'learn', onFingerprint: (fingerprint) => shown.push(fingerprint) > 0 }
    const rpc = transport(trust)
    await Promise.all([login(rpc, server), login(rpc, server), login(rpc, server)])
    expect(shown).toEqual([certificate.fingerprint])
    server.setCertificate(other)
    // New connections only: the open ones were checked.
    const endpoint = parseEndpoint(server.url)
    const calls = Array.from({ length: 4 }, () =>
      rpc.call(endpoint, { method: 'session.login_with_password', params: ['root', 'secret'] }),
    )
    const refused = (await Promise.allSettled(calls)).find(({ status }) => status === 'rejected')
    expect(refused).toMatchObject({
      reason: { code: 'xapi.certificate_untrusted', details: { expected: certificate.fingerprint } },
    })
    expect(shown).toHaveLength(1)
  })

  test('is refused when the caller says no', async () => {
    const error = await tryTrust({ kind: 'learn', onFingerprint: () => false })
    expect(isAppError(error, 'xapi.certificate_untrusted')).toBe(true)
  })
})
