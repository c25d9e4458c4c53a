import { chmod, mkdir, open, rm, stat, writeFile } from 'node:fs/promises'
import { createServer as createHttp } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkNode } from '../src/doctor/run.ts'
import { checkClock } from '../src/doctor/network.ts'
import { checkRoom } from '../src/doctor/files.ts'
import { connectPool, eventually, makePlace, pool, serverIn, type Place } from './rig.ts'

// Each check of `nixen doctor`, by breaking what it looks at.

interface Found {
  readonly check: string
  readonly status: string
  readonly message: string
  readonly mend?: string
}

let place: Place
beforeEach(async () => {
  place = await makePlace()
  // A state directory as a server leaves it.
  await (await serverIn(place))[Symbol.asyncDispose]()
})
afterEach(() => place[Symbol.asyncDispose]())

async function examine(
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; findings: readonly Found[] }> {
  const { code, stdout, stderr } = await place.nixen(['doctor', '--json'], {
    env: { NIXEN_SERVER_LISTEN: '127.0.0.1', NIXEN_SERVER_PORT: '0', ...env },
  })
  expect(stderr).toBe('')
  return { code, findings: JSON.parse(stdout).findings }
}

async function broken(check: string, env?: Readonly<Record<string, string>>): Promise<Found> {
  const { code, findings } = await examine(env)
  const found = findings.find((finding) => finding.check === check && ['problem', 'warning'].includes(finding.status))
  if (!found) throw new Error(`${check} was not found: ${JSON.stringify(findings)}`)
  expect(code).toBe(findings.some(({ status }) => status === 'problem') ? 3 : 0)
  expect(found.mend).toMatch(/\w/)
  return found
}

const inState = (path: string): string => join(place.state, path)

test('a good installation has nothing wrong, stopped and running', async () => {
  const stopped = await examine()
  expect(stopped.findings.filter(({ status }) => status === 'problem')).toEqual([])
  expect(stopped.code).toBe(0)
  await using server = await serverIn(place)
  const running = await examine()
  expect(running.findings).toContainEqual({ check: 'server', status: 'ok', message: 'Nixen 0.0.0-test runs.' })
  expect([running.code, server.port > 0]).toEqual([0, true])
})

test('what is read is not changed', async () => {
  const times = async () =>
    await Promise.all(
      ['db.sqlite', 'keys/master.key', 'tls/self-signed.pem'].map(async (path) => (await stat(inState(path))).mtimeMs),
    )
  const before = await times()
  await examine()
  expect(await times()).toEqual(before)
})

test('an installation that was never started is no problem', async () => {
  await rm(place.state, { recursive: true })
  expect((await examine()).code).toBe(0)
})

test('the text says how to mend', async () => {
  await chmod(place.state, 0o777)
  const { code, stdout } = await place.nixen(['doctor'], { env: { NIXEN_SERVER_PORT: '0' } })
  expect(code).toBe(3)
  expect(stdout).toMatch(/PROBLEM +state-directory .*\n +→ chmod 700 /)
  expect(stdout).toMatch(/1 problems, \d warnings\.\n$/)
})

test.each([
  ['v22.1.0', 'problem'],
  ['v26.10.0', 'ok'],
])('Node %s is a %s', (version, status) => expect(checkNode(version).status).toBe(status))

describe('it finds', () => {
  test.each([
    [0o777, 'problem'],
    [0o755, 'warning'],
  ])('a state directory of mode %o', async (mode, status) => {
    await chmod(place.state, mode)
    expect(await broken('state-directory')).toMatchObject({ status })
  })

  test('a file in the place of the state directory', async () => {
    await rm(place.state, { recursive: true })
    await writeFile(place.state, '')
    expect((await broken('state-directory')).message).toContain('not a directory')
  })

  test.each(['keys', 'keys/master.key', 'db.sqlite', 'tls/self-signed.pem'])('%s open to others', async (path) => {
    await chmod(inState(path), 0o755)
    expect((await broken('secret-files')).message).toContain(path)
  })

  test('profiles open to others', async () => {
    await mkdir(join(place.folder, 'config/nixen'), { recursive: true })
    await writeFile(join(place.folder, 'config/nixen/profiles.json'), '{}', { mode: 0o644 })
    expect((await broken('secret-files')).message).toContain('profiles.json')
  })

  test.each(['', 'not a key\n'])('a master key that is %j', async (text) => {
    await writeFile(inState('keys/master.key'), text)
    expect((await broken('master-key')).message).toContain('damaged')
  })

  test('secrets whose key is lost', async () => {
    using database = new DatabaseSync(inState('db.sqlite'))
    database.exec(`INSERT INTO connections (id, kind, name, address, username, password, enabled, read_only, created)
      VALUES ('a', 'xapi', 'Rack 1', 'https://x', 'root', 'v1.00000000.AAAA', 1, 0, 0)`)
    expect((await broken('secrets')).message).toContain('Rack 1')
  })

  test('a damaged database', async () => {
    await writeFile(inState('db.sqlite'), 'this is no database at all, whatever its name says', { mode: 0o600 })
    await rm(inState('db.sqlite-wal'), { force: true })
    expect((await broken('database')).mend).toContain('backup')
  })

  test('pages of the database that do not fit together', async () => {
    const file = await open(inState('db.sqlite'), 'r+')
    // In the middle of the fifth page of 4 KiB.
    await file.write(Buffer.alloc(2048, 0xff), 0, 2048, 4 * 4096)
    await file.close()
    expect((await broken('database')).message).toMatch(/damaged|cannot be read/)
  })

  test('a database of a newer Nixen', async () => {
    using database = new DatabaseSync(inState('db.sqlite'))
    database.exec('PRAGMA user_version = 9999')
    expect((await broken('database')).message).toContain('newer Nixen')
  })

  test('a certificate that cannot be read', async () => {
    await writeFile(inState('tls/self-signed.pem'), 'nothing', { mode: 0o600 })
    expect((await broken('certificate')).message).toContain('cannot be read')
  })

  test('a certificate of another machine', async () => {
    const names = { NIXEN_TLS_NAMES: 'other.example.net' }
    expect((await broken('certificate', names)).message).toContain('other.example.net')
  })

  test('an own certificate that is not there', async () => {
    const own = { NIXEN_TLS_MODE: 'own', NIXEN_TLS_CERTIFICATE: '/none.pem', NIXEN_TLS_KEY: '/none.key' }
    expect((await broken('certificate', own)).message).toContain('/none.pem')
  })

  test('a setting that is wrong', async () => {
    expect((await broken('settings', { NIXEN_SERVER_PORT: 'many' })).message).toContain('NIXEN_SERVER_PORT')
  })

  test('a port that another program has', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    expect((await broken('port', { NIXEN_SERVER_PORT: String(port) })).message).toContain('Another program')
    other.close()
  })

  test('an address that this machine does not have', async () => {
    expect((await broken('port', { NIXEN_SERVER_LISTEN: '192.0.2.1' })).message).toContain('192.0.2.1')
  })

  test('a lock that is held by something that does not answer', async () => {
    using lock = new DatabaseSync(inState('lock'))
    lock.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE')
    expect((await broken('lock')).mend).toContain('fuser')
  })

  test('a connection that is not connected', async () => {
    await using server = await serverIn(place)
    expect(server.localSocket).toBeDefined()
    const toolstack = await pool()
    await connectPool(place, toolstack, 0, 'Rack 1')
    await toolstack[Symbol.asyncDispose]()
    await eventually(async () => (await place.ask('connection', 'get', 'Rack 1')).state === 'waiting')
    expect((await broken('connection')).message).toContain('Rack 1 is not connected')
  })

  test('too little room', async () => {
    expect((await checkRoom(place.folder)).message).toContain('are free')
    expect((await checkRoom('/proc')).status).toBe('problem')
  })

  test.each([
    [0, 'ok'],
    [-20_000, 'warning'],
    [3_600_000, 'problem'],
  ])('a clock that is %d ms off', async (skew, status) => {
    const other = createHttp((_request, response) => {
      response.setHeader('date', new Date(Date.now() + skew).toUTCString())
      response.end()
    })
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    expect(await checkClock('Rack 1', `http://127.0.0.1:${port}`, Date)).toMatchObject({ check: 'clock', status })
    other.close()
  })
})
