import { stat } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { localSocketOf } from '../src/index.ts'
import { admin, browser, temporaryState, testServer } from './rig.ts'

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

function call(socketPath: string, method: string, path: string, body?: object): Promise<Answer> {
  const headers = body ? { 'content-type': 'application/json' } : {}
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text || 'null') }))
    })
    sent.on('error', reject).end(body && JSON.stringify(body))
  })
}

test('whoever can open the socket in the state directory is the administrator of this machine', async () => {
  await using state = await temporaryState()
  await using server = await testServer(state.path, { flags: { 'server.base_path': '/nixen' } })
  const socket = localSocketOf(state.path)
  expect(server.localSocket).toBe(socket)
  expect((await stat(join(state.path, 'run'))).mode & 0o777).toBe(0o700)

  expect(await call(socket, 'GET', '/api/v1/session')).toMatchObject({ status: 200, body: { user: { name: 'local' } } })
  expect(await call(socket, 'POST', '/api/v1/session/tokens', { name: 'x' })).toMatchObject({
    status: 403,
    body: { error: { code: 'auth.no_account' } },
  })
  expect(await call(socket, 'POST', '/api/v1/users', { ...admin, roles: ['admin'] })).toMatchObject({ status: 200 })
  const log = await call(socket, 'GET', '/api/v1/audit')
  expect(log.body['items']).toMatchObject([
    { action: 'user.create', userName: 'local', address: 'local', ok: true },
    { action: 'token.create', ok: false },
  ])
})

test('the first user made there closes the set-up link, and can log in', async () => {
  await using state = await temporaryState()
  await using server = await testServer(state.path)
  const token = server.setUpUrl?.split('#')[1] ?? ''
  await call(localSocketOf(state.path), 'POST', '/api/v1/users', { ...admin, roles: ['admin'] })
  const tab = browser(server.url)
  const second = { token, name: 'eve', password: 'another long password' }
  await expect(tab.client.session.setUp(second)).rejects.toMatchObject({ code: 'auth.setup_done' })
  expect((await tab.client.session.logIn(admin)).user.name).toBe('ada')
  await expect(browser(server.url).client.vm.list()).rejects.toMatchObject({ code: 'auth.required' })
})

test('a path that is too long for a socket leaves the server without one', async () => {
  await using state = await temporaryState()
  await using server = await testServer(join(state.path, 'x'.repeat(100)))
  expect(server.localSocket).toBeUndefined()
})

test('a socket that a killed server left does not keep the next one from starting', async () => {
  await using state = await temporaryState()
  const { writeFile, mkdir } = await import('node:fs/promises')
  await mkdir(join(state.path, 'run'))
  await writeFile(localSocketOf(state.path), '')
  await using server = await testServer(state.path)
  expect(await call(localSocketOf(state.path), 'GET', '/api/v1')).toMatchObject({ status: 200 })
  expect(server.localSocket).toBeDefined()
})
