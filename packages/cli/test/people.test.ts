import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Server } from '@nixen/server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makePlace, serverIn, type Place } from './rig.ts'

// Logging in to a server with a certificate of its own, and what is kept of it.

let place: Place
let away: Readonly<Record<string, string>>
let server: Server
let account: readonly string[]
beforeAll(async () => {
  place = await makePlace()
  server = await serverIn(place)
  // Somebody who cannot reach the local socket.
  away = { NIXEN_STATE_DIR: join(place.folder, 'none') }
  account = ['--username', 'ada', '--password-file', join(place.folder, 'password')]
  await place.ask('user', 'create', 'ada', '--roles', 'admin', '--password-file', join(place.folder, 'password'))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

const nixen = (...args: readonly string[]) => place.nixen(args, { env: away })
const profiles = (): string => join(place.folder, 'config/nixen/profiles.json')

test('an unknown certificate is not trusted without a word, nor is a wrong fingerprint', async () => {
  const unknown = await nixen('login', server.url, ...account)
  expect(unknown.code).toBe(1)
  expect(unknown.stderr).toContain(`${server.fingerprint}`)
  expect(unknown.stderr).toContain('[cli.which_certificate]')
  const wrong = await nixen('login', server.url, ...account, '--fingerprint', '00'.repeat(32))
  expect(wrong.stderr).toMatch(/Nothing was sent\. \[cli\.certificate_changed\]/)
  const none = await nixen('login', server.url, ...account, '--fingerprint', 'abc')
  expect(none.stderr).toContain('[cli.bad_fingerprint]')
})

test('a log-in is kept for its owner alone, used by further commands, and revoked by the log-out', async () => {
  const fingerprint = server.fingerprint?.toLowerCase().replaceAll(':', '') ?? ''
  const login = await nixen('login', server.url, ...account, '--fingerprint', fingerprint, '--profile', 'rack')
  expect(login).toMatchObject({ code: 0, stderr: '' })
  expect((await stat(profiles())).mode & 0o777).toBe(0o600)
  expect((await stat(join(profiles(), '..'))).mode & 0o777).toBe(0o700)
  expect(await readFile(profiles(), 'utf8')).not.toContain('long enough password')
  expect((await nixen('whoami')).stdout).toMatch(/user name: +ada\n/)
  // The session that made the token is over, and logging in again leaves one token.
  await nixen('login', server.url, ...account, '--fingerprint', fingerprint, '--profile', 'rack')
  const tokens = JSON.parse((await nixen('token', 'list', '--json')).stdout)
  expect(tokens.items).toHaveLength(1)
  const { token } = JSON.parse(await readFile(profiles(), 'utf8')).profiles.rack
  expect((await nixen('profile', 'list')).stdout).toMatch(/rack \* +https:\S+ +ada/)
  expect((await nixen('logout')).stdout).toContain('Logged out of rack')
  const env = { ...away, NIXEN_URL: server.url, NIXEN_TOKEN: token, NIXEN_FINGERPRINT: server.fingerprint ?? '' }
  expect((await place.nixen(['whoami'], { env })).stderr).toContain('[auth.expired]')
  expect((await nixen('whoami')).stderr).toContain('[cli.no_server]')
})

test('a log-out of a server that is gone forgets the profile and says that the token still works', async () => {
  const profile = { url: 'https://127.0.0.1:9/', user: 'ada', token: 'x', tokenId: 'x' }
  await writeFile(profiles(), JSON.stringify({ version: 1, current: 'old', profiles: { old: profile } }))
  const { code, stderr } = await nixen('logout')
  expect([code, stderr.includes('the token still works')]).toEqual([0, true])
  expect(JSON.parse(await readFile(profiles(), 'utf8'))).toEqual({ version: 1, profiles: {} })
})

describe('what is asked', () => {
  test('is chosen by flag, environment and profile in use, in this order', async () => {
    const entry = (url: string) => ({ url, user: 'ada', token: 'x', tokenId: 'x' })
    const file = {
      version: 1,
      current: 'a',
      profiles: { a: entry('http://127.0.0.1:1/'), b: entry('http://127.0.0.1:2/') },
    }
    await writeFile(profiles(), JSON.stringify(file))
    const asked = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> =>
      /http:\/\/[\d.:]+/.exec((await place.nixen(['whoami', ...args], { env })).stderr)?.[0] ?? 'local'
    expect(await asked([])).toBe('http://127.0.0.1:1')
    expect(await asked(['--profile', 'b'])).toBe('http://127.0.0.1:2')
    expect(await asked(['--profile', 'local'])).toBe('local')
    expect(await asked([], { NIXEN_PROFILE: 'b' })).toBe('http://127.0.0.1:2')
    expect(await asked([], { NIXEN_URL: 'http://127.0.0.1:3', NIXEN_TOKEN: 'x' })).toBe('http://127.0.0.1:3')
    expect(await asked(['--profile', 'a'], { NIXEN_URL: 'http://127.0.0.1:3', NIXEN_TOKEN: 'x' })).toBe(
      'http://127.0.0.1:1',
    )
    await nixen('profile', 'use', 'local')
    expect(await asked([])).toBe('local')
  })

  test.each([
    [['whoami', '--profile', 'none'], 'cli.no_profile'],
    [['profile', 'use', 'none'], 'cli.no_profile'],
    [['login', 'ftp://x', '--username', 'a'], 'cli.bad_url'],
    [['login', 'https://127.0.0.1:9', '--username', 'a'], 'client.unreachable'],
    [['login', 'https://x', '--profile', 'local'], 'cli.local_name'],
    [['setup', '--link', 'https://x/'], 'cli.no_link'],
  ])('%j ends with %s', async (args, code) => {
    const result = await nixen(...args)
    expect([result.code, result.stderr]).toEqual([1, expect.stringContaining(`[${code}]`)])
  })

  test('a damaged file of profiles is said, not written over', async () => {
    await writeFile(profiles(), '{"version":1')
    expect((await nixen('profile', 'use', 'local')).stderr).toContain('[cli.bad_profiles]')
    expect(await readFile(profiles(), 'utf8')).toBe('{"version":1')
  })
})
