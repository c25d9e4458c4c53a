import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { main, runNixen } from './run-nixen.ts'

// The control plane as users start it: from nothing to the list of VMs of a simulated pool.

let folder: string
let child: ChildProcess | undefined
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixen-cli-serve-'))
})
afterAll(async () => {
  child?.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

interface Started {
  readonly url: string
  readonly setUpToken?: string
  readonly simulated: { readonly url: string; readonly fingerprint: string }
}

interface Answer {
  readonly status: number
  readonly cookie: string | undefined
  readonly body: Record<string, unknown>
}

/** The certificate is the server's own; that it is the right one is what the fingerprint is for. */
function call(
  method: string,
  url: string,
  options: { body?: object; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const body = options.body && JSON.stringify(options.body)
  const headers = { ...options.headers, ...(body ? { 'content-type': 'application/json' } : {}) }
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, rejectUnauthorized: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          cookie: response.headers['set-cookie']?.map((cookie) => cookie.split(';')[0]).join('; '),
          body: JSON.parse(text) as Record<string, unknown>,
        }),
      )
    })
    sent.on('error', reject).end(body)
  })
}

async function start(): Promise<{ started: Started; ended: Promise<number | null> }> {
  const args = [
    'serve',
    '--json',
    '--simulate',
    '--state',
    'state',
    '--set',
    'server.port=0',
    '--set',
    'server.listen=127.0.0.1',
  ]
  const running = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
  child = running
  const ended = new Promise<number | null>((resolve) => running.on('exit', resolve))
  const line = await new Promise<string>((resolve) =>
    running.stdout.once('data', (part: Buffer) => resolve(part.toString())),
  )
  return { started: JSON.parse(line) as Started, ended }
}

describe('nixen serve', () => {
  test('goes from nothing to the VMs of a simulated pool, and keeps what it was told', async () => {
    const { started, ended } = await start()
    const api = `${started.url}api/v1`
    const admin = { token: started.setUpToken, name: 'admin', password: 'a long enough password 7' }
    const set = await call('POST', `${api}/setup`, { body: admin })
    expect(set.status).toBe(200)
    const headers = { cookie: set.cookie ?? '', 'x-csrf-token': String(set.body['csrf']) }
    const pool = { kind: 'xapi', name: 'try', address: started.simulated.url, username: 'root', password: 'nixen' }
    const body = { ...pool, fingerprint: started.simulated.fingerprint }
    expect(await call('POST', `${api}/connections`, { body, headers })).toMatchObject({ body: { name: 'try' } })
    await expect
      .poll(async () => (await call('GET', `${api}/vms?limit=5`, { headers })).body['total'], { timeout: 15_000 })
      .toBe(40)
    child?.kill('SIGTERM')
    expect(await ended).toBe(0)

    const again = await start()
    expect(again.started.setUpToken).toBeUndefined()
    const logIn = { name: 'admin', password: admin.password }
    expect(await call('POST', `${again.started.url}api/v1/session`, { body: logIn })).toMatchObject({ status: 200 })
    child?.kill('SIGTERM')
    expect(await again.ended).toBe(0)
  })

  test('names the setting that it does not know', async () => {
    const { code, stderr } = await runNixen(['serve', '--state', 'other', '--set', 'server.prot=1'], { cwd: folder })
    expect(code).toBe(1)
    expect(stderr).toContain('server.prot')
    expect(stderr).toContain('[server.bad_setting]')
  })
})
