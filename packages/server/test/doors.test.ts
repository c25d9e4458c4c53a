import { systemClock } from '@nixen/core'
import { expect, test } from 'vitest'
import { totpAt } from '../src/auth/totp.ts'
import { admin, browser, logIn, signUp, temporaryState, testServer } from './rig.ts'

const json = { 'content-type': 'application/json' }

test('the set-up link works once and only with its token', async () => {
  await using state = await temporaryState()
  await using server = await testServer(state.path)
  const { client } = browser(server.url)
  await expect(client.session.logIn(admin)).rejects.toMatchObject({ code: 'auth.setup_required' })
  await expect(client.session.setUp({ token: 'wrong', ...admin })).rejects.toMatchObject({ code: 'auth.setup_token' })
  const token = server.setUpUrl?.split('#')[1] ?? ''
  await expect(client.session.setUp({ token, name: 'ada', password: 'short' })).rejects.toMatchObject({
    code: 'auth.weak_password',
  })
  // Two at once: one administrator.
  const both = await Promise.allSettled([1, 2].map((n) => client.session.setUp({ token, ...admin, name: `ada${n}` })))
  expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  await expect(client.session.setUp({ token, ...admin })).rejects.toMatchObject({ code: 'auth.setup_done' })
})

test('a request that another site makes a browser send is refused', async () => {
  await using state = await temporaryState()
  await using server = await testServer(state.path)
  const tab = await signUp(server)
  const send = (headers: Record<string, string>) =>
    fetch(`${server.url}api/v1/roles`, {
      method: 'POST',
      headers: { ...json, cookie: tab.cookie ?? '', ...headers },
      body: JSON.stringify({ name: 'x', grants: [] }),
    })
  const csrf = { 'x-csrf-token': tab.csrf ?? '' }
  expect((await send({ ...csrf, origin: 'https://evil.example' })).status).toBe(403)
  expect((await send({ ...csrf, 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  expect((await send({})).status).toBe(403)
  expect((await send({ ...csrf, origin: new URL(server.url).origin })).status).toBe(200)
})

test('the cookie is out of reach of scripts and other sites, and headers are strict', async () => {
  await using state = await temporaryState()
  await using server = await testServer(state.path)
  const response = await server.app.inject({
    method: 'POST',
    url: '/api/v1/setup',
    payload: { token: server.setUpUrl?.split('#')[1], ...admin },
  })
  expect(response.headers['set-cookie']).toMatch(/^nixen_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
  expect(response.headers['content-security-policy']).toContain("frame-ancestors 'none'")
  expect(response.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
})

test('guessing is slowed down, and the right password has to wait as well', async () => {
  await using state = await temporaryState()
  // Time stands still: checking a password may take longer than the wait of a second that begins with it.
  await using server = await testServer(state.path, { clock: { ...systemClock, monotonic: () => 0 } })
  await signUp(server)
  const { client } = browser(server.url)
  for (let i = 0; i < 5; i++) {
    await expect(client.session.logIn({ name: 'ada', password: 'wrong' })).rejects.toMatchObject({
      code: 'auth.wrong_credentials',
    })
  }
  await expect(client.session.logIn(admin)).rejects.toMatchObject({ code: 'auth.too_many_attempts', retryable: true })
})

test('a second factor is asked for, and each code works once', async () => {
  await using state = await temporaryState()
  await using server = await testServer(state.path)
  const { client } = await signUp(server)
  const { secret } = await client.session.offerTotp()
  const step = Math.floor(Date.now() / 30_000)
  await expect(client.session.confirmTotp({ code: '000000' })).rejects.toMatchObject({ code: 'session.totp_wrong' })
  const { recoveryCodes } = await client.session.confirmTotp({ code: totpAt(secret, step) })
  expect(new Set(recoveryCodes).size).toBe(10)
  await expect(logIn(server, admin)).rejects.toMatchObject({ code: 'auth.code_required' })
  await expect(logIn(server, { ...admin, code: totpAt(secret, step) })).rejects.toMatchObject({
    code: 'auth.wrong_credentials',
  })
  await logIn(server, { ...admin, code: totpAt(secret, step + 1) })
  const [code = ''] = recoveryCodes
  await logIn(server, { ...admin, code })
  await expect(logIn(server, { ...admin, code })).rejects.toMatchObject({ code: 'auth.wrong_credentials' })
})

test('a token does what its grants say, until it is revoked', async () => {
  await using state = await temporaryState()
  await using server = await testServer(state.path)
  const { client } = await signUp(server)
  const { token, secret } = await client.token.create({ name: 'metrics', grants: [{ actions: ['*:read'] }] })
  const send = (path: string, init: RequestInit = {}) =>
    fetch(`${server.url}${path}`, { ...init, headers: { ...json, authorization: `Bearer ${secret}` } })
  expect((await send('api/v1/users')).status).toBe(200)
  const refused = await send('api/v1/users', { method: 'POST', body: '{}' })
  expect(refused.status).toBe(403)
  expect((await send('api/v1/session/totp', { method: 'POST', body: '{}' })).status).toBe(403)
  const metrics = await send('metrics')
  expect(metrics.headers.get('content-type')).toContain('text/plain; version=0.0.4')
  expect(await metrics.text()).toContain('nixen_info{version="0.0.0-test"} 1\n')
  await client.token.revoke({ id: token.id })
  expect((await send('api/v1/users')).status).toBe(401)
})

test('the last administrator stays', async () => {
  await using state = await temporaryState()
  await using server = await testServer(state.path)
  const { client } = await signUp(server)
  const { user } = await client.session.me()
  await expect(client.user.delete({ id: user.id })).rejects.toMatchObject({ code: 'user.last_admin' })
  await expect(client.user.update({ id: user.id, roles: [] })).rejects.toMatchObject({ code: 'user.last_admin' })
  await expect(client.user.update({ id: user.id, disabled: true })).rejects.toMatchObject({ code: 'user.last_admin' })
  expect((await client.session.me()).user).toMatchObject({ roles: ['admin'], disabled: false })
})

test('what is wrong with a request is said by name, with a request id', async () => {
  await using state = await temporaryState()
  await using server = await testServer(state.path)
  const { fetch } = await signUp(server)
  const send = async (method: string, path: string, body?: string) => {
    const response = await fetch(`${server.url}${path}`, { method, headers: json, ...(body ? { body } : {}) })
    return { status: response.status, error: ((await response.json()) as { error: object }).error }
  }
  expect(await send('POST', 'api/v1/roles', '{"nmae":"x","grants":[]}')).toMatchObject({
    status: 400,
    error: { code: 'request.invalid', message: expect.stringContaining('input.nmae') as string },
  })
  expect(await send('POST', 'api/v1/roles', '{"name":')).toMatchObject({ error: { code: 'request.bad_json' } })
  expect(await send('GET', 'api/v1/vm')).toMatchObject({ status: 404, error: { code: 'request.no_endpoint' } })
  expect(await send('PUT', 'api/v1/vms')).toMatchObject({
    status: 405,
    error: {
      details: { allowed: expect.arrayContaining(['GET']) as string[] },
      requestId: expect.stringMatching(/^[\w-]{12}$/) as string,
    },
  })
  expect(await send('POST', 'api/v1/roles', `{"name":"${'x'.repeat(1_100_000)}"}`)).toMatchObject({ status: 413 })
  expect(await send('GET', 'api/v1/vms/nonsense')).toMatchObject({ status: 400 })
})
