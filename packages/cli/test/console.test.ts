import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Server } from '@nixen/server'
import type { Toolstack } from '@nixen/toolstack'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Interrupted } from '../src/context.ts'
import { connectPool, eventually, makePlace, pool, serverIn, type Place } from './rig.ts'
import { main } from './run-nixen.ts'

let place: Place
let server: Server
let toolstack: Toolstack
let name: string
beforeAll(async () => {
  place = await makePlace()
  server = await serverIn(place, { flags: { 'server.base_path': '/nixen' } })
  toolstack = await pool()
  await connectPool(place, toolstack, 0, 'one')
  await eventually(async () => (await place.ask('vm', 'list', '-q', 'power:running')).total > 0)
  name = (await place.ask('vm', 'list', '-q', 'power:running')).items[0].name
}, 60_000)
afterAll(async () => {
  await toolstack[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

/** Runs a console command until `use` is done with the address that it prints. */
async function withPort(args: readonly string[], use: (port: number) => Promise<void>, env = {}): Promise<string> {
  const stop = new AbortController()
  const { promise: told, resolve } = Promise.withResolvers<number>()
  const ended = place.nixen(args, {
    env,
    signal: stop.signal,
    onOutput: (text) => resolve(Number(/ at 127\.0\.0\.1:(\d+) /.exec(text)?.[1])),
  })
  const failed = ended.then(({ stderr }) => {
    throw new Error(`It ended: ${stderr}`)
  })
  try {
    await use(await Promise.race([told, failed]))
  } finally {
    failed.catch(() => undefined)
    stop.abort(new Interrupted('SIGINT'))
  }
  return (await ended).stderr
}

async function greetingAt(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return bytes.toString('latin1')
}

describe('nixen vm console', () => {
  test('gives VNC viewers a port of this machine, each a console of its own', async () => {
    await withPort(['vm', 'console', name], async (port) => {
      expect(await greetingAt(port)).toBe('RFB 003.008\n')
      expect(await greetingAt(port)).toBe('RFB 003.008\n')
    })
    await eventually(async () => {
      const { items } = await place.ask('audit', 'list')
      return items.filter((entry: { action: string }) => entry.action === 'vm.consoleClose').length === 2
    })
  })

  test('reaches a server elsewhere by TLS, with a pinned certificate and a token', async () => {
    const passwordFile = ['--password-file', `${place.folder}/password`]
    await place.ask('user', 'create', 'ada', '--roles', 'admin', ...passwordFile)
    const account = ['--username', 'ada', ...passwordFile]
    const fingerprint = server.fingerprint ?? ''
    const away = { NIXEN_STATE_DIR: `${place.folder}/elsewhere` }
    const login = await place.nixen(
      ['login', server.url, ...account, '--fingerprint', fingerprint, '--profile', 'rack'],
      { env: away },
    )
    expect(login).toMatchObject({ code: 0, stderr: '' })
    await withPort(['vm', 'console', name, '--view-only', '--profile', 'rack'], async (port) => {
      expect(await greetingAt(port)).toBe('RFB 003.008\n')
    }, away) // prettier-ignore
  })

  test('shows the terminal here, and sends what is typed', async () => {
    const child = spawn(process.execPath, [main, 'vm', 'console', name, '--text'], {
      env: { ...process.env, ...place.env },
      stdio: 'pipe',
    })
    const exited = once(child, 'exit')
    let shown = ''
    child.stdout.on('data', (bytes: Buffer) => (shown += bytes.toString('latin1')))
    await expect.poll(() => shown, { timeout: 20_000 }).toContain('# ')
    child.stdin.end('uptime\r')
    await expect.poll(() => shown, { timeout: 20_000 }).toContain('uptime\r\n# ')
    child.kill('SIGTERM')
    await exited
  })

  test('refuses to listen for the whole network, and says what a VM has not', async () => {
    const open = await place.nixen(['vm', 'console', name, '--listen', '0.0.0.0:0'])
    expect([open.code, open.stderr]).toEqual([1, expect.stringContaining('without a password')])
    const halted = (await place.ask('vm', 'list', '-q', 'power:halted')).items[0].name
    const off = await place.nixen(['vm', 'console', halted])
    expect([off.code, off.stderr]).toEqual([1, expect.stringContaining('A console needs a running VM.')])
  })
})
