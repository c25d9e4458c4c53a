import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runHere } from './run-here.ts'
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
  readonly fingerprint: string
  readonly setUpUrl?: string
  readonly simulated: { readonly url: string; readonly connection: string }
}

async function start(
  ...more: readonly string[]
): Promise<{ started: Started; text: string; ended: Promise<number | null> }> {
  const state = more.includes('--state') ? [] : ['--state', 'state']
  const args = ['serve', ...state, '--set', 'server.port=0', '--set', 'server.listen=127.0.0.1', ...more]
  const running = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
  child = running
  const ended = new Promise<number | null>((resolve) => running.on('exit', resolve))
  let text = ''
  await new Promise<void>((resolve, reject) => {
    running.stdout.on('data', (part: Buffer) => {
      text += part.toString()
      if (/Ctrl-C ends it|^\{.*\}\n$/s.test(text)) resolve()
    })
    running.on('exit', (code) => reject(new Error(`nixen serve ended with ${code}`)))
  })
  return { started: more.includes('--json') ? (JSON.parse(text) as Started) : ({} as Started), text, ended }
}

/** A command of somebody else, who has no access to the state directory. */
const elsewhere = (...args: readonly string[]) =>
  runHere(args, {
    env: { HOME: folder, XDG_CONFIG_HOME: join(folder, 'config'), NIXEN_STATE_DIR: join(folder, 'none') },
  })
/** A command of the user who runs the server. */
const here = (...args: readonly string[]) =>
  runHere(args, { env: { HOME: folder, NIXEN_STATE_DIR: join(folder, 'state') } })

describe('nixen serve', () => {
  test('goes from nothing to the VMs of a simulated pool, and keeps what it was told', async () => {
    const { started, ended } = await start('--json', '--simulate')
    // On this machine no log-in is needed.
    await expect
      .poll(async () => JSON.parse((await here('vm', 'list', '--json')).stdout).total, { timeout: 20_000 })
      .toBe(40)

    await writeFile(join(folder, 'password'), 'a long enough password 7\n')
    const account = [
      '--username',
      'admin',
      '--password-file',
      join(folder, 'password'),
      '--fingerprint',
      started.fingerprint,
    ]
    expect((await elsewhere('vm', 'list')).stderr).toContain('[cli.no_server]')
    expect((await elsewhere('login', started.url, ...account)).stderr).toContain('[cli.setup_first]')
    expect(await elsewhere('setup', '--link', started.setUpUrl ?? '', ...account)).toMatchObject({
      code: 0,
      stderr: '',
    })
    expect((await elsewhere('vm', 'list', '-q', 'power:running', '--limit', '2')).stdout.split('\n')).toHaveLength(4)
    child?.kill('SIGTERM')
    expect(await ended).toBe(0)

    // The second start has another port: the same pool is found again, and who logged in there logs in here.
    const again = await start('--json', '--simulate')
    expect(again.started.setUpUrl).toBeUndefined()
    expect(again.started.simulated.connection).toBe(started.simulated.connection)
    await expect
      .poll(async () => JSON.parse((await here('connection', 'list', '--json')).stdout).items, { timeout: 20_000 })
      .toMatchObject([{ name: 'Simulated pool', state: 'connected' }])
    const back = await elsewhere(
      'login',
      again.started.url,
      ...account.slice(0, 4),
      '--fingerprint',
      again.started.fingerprint,
    )
    expect(back).toMatchObject({ code: 0, stderr: '' })
    child?.kill('SIGTERM')
    expect(await again.ended).toBe(0)
  }, 60_000)

  test('prints where to go and the command that makes the first administrator', async () => {
    const { text, ended } = await start('--state', 'fresh')
    expect(text).toMatch(/answers at https:\/\/127\.0\.0\.1:\d+\//)
    expect(text).toMatch(/nixen setup --username admin --link 'https:.*\/setup#.+' \\\n +--fingerprint [0-9A-F:]{95}/)
    expect(text).not.toContain('Simulated pool')
    child?.kill('SIGTERM')
    expect(await ended).toBe(0)
  }, 60_000)

  test('names the setting that it does not know', async () => {
    const { code, stderr } = await runNixen(['serve', '--state', 'other', '--set', 'server.prot=1'], { cwd: folder })
    expect(code).toBe(1)
    expect(stderr).toContain('server.prot')
    expect(stderr).toContain('[server.bad_setting]')
  })
})
