import { createHmac } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '@nixen/core'
import type { Server } from '@nixen/server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSession } from '../src/people/session.ts'
import { makePlace, password, serverIn, type Place } from './rig.ts'

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

/** RFC 6238 with the defaults of authenticator apps: written here again, so that it is not compared with itself. */
function codeAt(secret: string, now: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = Array.from(secret, (letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(now / 30_000)))
  const mac = createHmac('sha1', key).update(step).digest()
  const at = mac.readUInt8(19) & 15
  return String((mac.readUInt32BE(at) & 0x7f_ff_ff_ff) % 1_000_000).padStart(6, '0')
}

test('with a second factor a log-in asks for a code, takes each once, and an administrator can take it away', async () => {
  await using own = await makePlace()
  const clock = { ...systemClock, shift: 0, now: () => Date.now() + clock.shift }
  await using guarded = await serverIn(own, { clock })
  const file = join(own.folder, 'password')
  const fingerprint = guarded.fingerprint ?? ''
  await own.ask('user', 'create', 'eve', '--roles', 'read-only', '--password-file', file)
  const context = {
    process: { stdout: process.stdout, stderr: process.stderr },
    signal: AbortSignal.timeout(60_000),
    clock: systemClock,
  }
  const session = await openSession(context, new URL(guarded.url), { fingerprint })
  session.begun(await session.client.session.logIn({ name: 'eve', password }))
  const { secret } = await session.client.session.offerTotp()
  const { recoveryCodes } = await session.client.session.confirmTotp({ code: codeAt(secret, clock.now()) })

  const env = { NIXEN_STATE_DIR: join(own.folder, 'none') }
  const logIn = async (...more: readonly string[]) => {
    const account = ['--username', 'eve', '--password-file', file, '--fingerprint', fingerprint]
    return await own.nixen(['login', guarded.url, ...account, ...more], { env })
  }
  const bare = await logIn()
  expect([bare.code, bare.stderr.includes('[auth.code_required]')]).toEqual([1, true])
  clock.shift += 60_000
  const code = codeAt(secret, clock.now())
  expect(await logIn('--code', code)).toMatchObject({ code: 0, stderr: '' })
  expect((await own.nixen(['whoami'], { env })).stdout).toMatch(/user name: +eve\n/)
  // Guessing is slowed down: the next attempts come later.
  clock.shift += 3_600_000
  expect((await logIn('--code', code)).stderr).toContain('[auth.')
  clock.shift += 3_600_000
  expect(await logIn('--code', recoveryCodes[0] ?? '')).toMatchObject({ code: 0 })
  clock.shift += 3_600_000
  expect((await logIn('--code', recoveryCodes[0] ?? '')).code).toBe(1)

  expect(await own.ask('user', 'list', '--profile', 'local')).toMatchObject({ items: [{ name: 'eve', totp: true }] })
  await own.ask('user', 'update', 'eve', '--totp', 'false', '--profile', 'local')
  clock.shift += 3_600_000
  expect(await logIn()).toMatchObject({ code: 0 })
}, 60_000)
