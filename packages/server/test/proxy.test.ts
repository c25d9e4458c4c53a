import { expect, test } from 'vitest'
import { admin, temporaryState, testServer } from './rig.ts'

const payload = (url: string | undefined) => ({ token: url?.split('#')[1], ...admin })
const proxied = {
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'nixen.example.net',
  'x-forwarded-for': '192.0.2.9',
}

test('behind a trusted proxy the address, the origin and the cookie are those that people see', async () => {
  await using state = await temporaryState()
  const flags = { 'server.trusted_proxies': '127.0.0.1', 'server.base_path': '/nixen' }
  await using server = await testServer(state.path, { flags })
  expect(server.url).toMatch(/\/nixen\/$/)
  const response = await server.app.inject({
    method: 'POST',
    url: '/nixen/api/v1/setup',
    headers: { ...proxied, origin: 'https://nixen.example.net' },
    payload: payload(server.setUpUrl),
  })
  expect(response.statusCode).toBe(200)
  expect(response.headers['set-cookie']).toMatch(/; Path=\/nixen\/; HttpOnly; SameSite=Strict; Secure$/)
  const cookie = String(response.headers['set-cookie']).split(';')[0] ?? ''
  const audit = await server.app.inject({ url: '/nixen/api/v1/audit', headers: { cookie } })
  expect(audit.json<{ items: object[] }>().items[0]).toMatchObject({ action: 'session.setup', address: '192.0.2.9' })
  expect((await server.app.inject({ url: '/nixen/healthz' })).body).toBe('ok\n')
  expect((await server.app.inject({ url: '/api/v1' })).statusCode).toBe(404)
})

test('nobody is believed who is not a trusted proxy', async () => {
  await using state = await temporaryState()
  await using server = await testServer(state.path)
  const response = await server.app.inject({
    method: 'POST',
    url: '/api/v1/setup',
    headers: { ...proxied, origin: 'https://nixen.example.net' },
    payload: payload(server.setUpUrl),
  })
  expect(response.json()).toMatchObject({ error: { code: 'auth.bad_origin' } })
})
