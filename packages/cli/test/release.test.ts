import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

// The release as it is shipped: one folder, here outside of the checkout, so that nothing of the checkout can be found from it.

const checkout = fileURLToPath(new URL('../../..', import.meta.url))
let folder: string
let release: string
let server: ChildProcess | undefined

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixen-release-'))
  release = join(folder, 'release')
  const { code, output } = await run([join(checkout, 'scripts/bundle.ts'), release])
  if (code !== 0) throw new Error(output)
})
afterAll(async () => {
  server?.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

function environment(): NodeJS.ProcessEnv {
  const { NODE_PATH: _, ...env } = process.env
  return { ...env, XDG_CACHE_HOME: join(folder, 'cache'), NIXEN_REPO: 'repo', NIXEN_REPO_PASSWORD: 'correct horse' }
}

function run(args: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder, env: environment() }, (error, stdout, stderr) =>
      resolve({ code: error ? (typeof error.code === 'number' ? error.code : -1) : 0, output: stdout + stderr }),
    )
  })
}

const nixen = (...args: readonly string[]) => run([join(release, 'nixen.mjs'), ...args])

test('the command names its verbs', async () => {
  const { code, output } = await nixen('--help')
  expect([code, output]).toEqual([0, expect.stringMatching(/nixen serve[^]*nixen repo/)])
})

test('nothing in it points to the checkout, and each package in it has its licence there', async () => {
  const files = await readdir(release, { recursive: true })
  const code = files.filter((name) => /\.(?:m?js|json)$/.test(name))
  const texts = await Promise.all(code.map(async (file) => await readFile(join(release, file), 'utf8')))
  expect(code.filter((_, index) => texts[index]?.includes(checkout))).toEqual([])
  const licences = await readFile(join(release, 'THIRD-PARTY-LICENSES'), 'utf8')
  expect(licences).toMatch(/^fastify \d.*\(MIT\)$/m)
  expect(licences).toMatch(/^sodium-native \d.*\(MIT\)$/m)
})

test('it brings the native library', () => {
  const require = createRequire(join(release, 'packages/backup/src/crypto/poly1305.js'))
  expect(require.resolve('sodium-native').startsWith(release)).toBe(true)
  expect(require('sodium-native')).toHaveProperty('crypto_onetimeauth')
})

test('threads back up, check and restore a disk', async () => {
  const content = Array.from({ length: 6 }, (_, i) => Buffer.alloc(1024 * 1024, `block ${i} of some text `))
  await pipeline(Readable.from(content), createWriteStream(join(folder, 'disk.img')))
  for (const args of [['init'], ['backup', 'disk.img'], ['check', '--read-data'], ['restore', 'latest', 'back.img']]) {
    expect(await nixen('repo', ...args)).toMatchObject({ code: 0 })
  }
  expect(Buffer.concat(content).equals(await readFile(join(folder, 'back.img')))).toBe(true)
})

interface Started {
  readonly url: string
  readonly setUpToken: string
}

test('the control plane shows the VMs of a simulated pool', async () => {
  const settings = ['server.port=0', 'server.listen=127.0.0.1', 'tls.mode=off', 'log.level=silent']
  const flags = settings.flatMap((setting) => ['--set', setting])
  const child = spawn(
    process.execPath,
    [join(release, 'nixen.mjs'), 'serve', '--json', '--simulate', '--state', 'state', ...flags],
    { cwd: folder, env: environment(), stdio: ['ignore', 'pipe', 'inherit'] },
  )
  server = child
  const ended = once(child, 'exit')
  const lines: readonly string[] = await once(createInterface({ input: child.stdout }), 'line')
  // What `serve --json` prints.
  const { url, setUpToken } = JSON.parse(lines[0] ?? '') as Started
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  const call = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    const response = await fetch(`${url}api/v1${path}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    })
    headers['cookie'] ??= response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    return (await response.json()) as Record<string, unknown>
  }
  const me = await call('POST', '/setup', { token: setUpToken, name: 'ada', password: 'correct horse battery' })
  headers['x-csrf-token'] = String(me['csrf'])
  await expect.poll(async () => (await call('GET', '/vms?limit=5'))['total'], { timeout: 20_000 }).toBe(40)
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
})
