import { spawn } from 'node:child_process'
import {
  access,
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

// bin/nixen and scripts/setup.mjs in a checkout of their own, with a program and an npm that say what was asked of them. The launcher runs
// on the `node` of the PATH, which is the old one on a user's machine.

const checkout = fileURLToPath(new URL('../../../', import.meta.url))
const nodePackage = `node-linux-${process.arch}`
const program = `
import { appendFileSync } from 'node:fs'
const [verb, value] = process.argv.slice(2)
if (verb === 'wait') {
  process.on(value, () => { console.log('got ' + value); process.exit(7) })
  setInterval(() => undefined, 1000)
  console.log('ready')
} else if (verb === 'die') process.kill(process.pid, value)
else {
  console.log(JSON.stringify({ version: process.version, args: process.argv.slice(2) }))
  process.exit(Number(value ?? 0))
}
`
/** What a fake npm does to install Node. */
const linkNode = `mkdir -p node_modules && ln -sfn "${checkout}node_modules/${nodePackage}" node_modules/${nodePackage}`
let root: string

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'nixen-launcher-')))
  await mkdir(join(root, 'packages/cli/src'), { recursive: true })
  await mkdir(join(root, 'fake-bin'))
  await cp(join(checkout, 'bin'), join(root, 'bin'), { recursive: true })
  await mkdir(join(root, 'scripts'))
  await cp(join(checkout, 'scripts/setup.mjs'), join(root, 'scripts/setup.mjs'))
  await writeFile(join(root, 'package.json'), '{"type":"module"}')
  await writeFile(join(root, 'packages/cli/src/main.ts'), program)
  await writeFakeNpm(
    `mkdir -p node_modules && ln -sfn "${checkout}node_modules/${nodePackage}" node_modules/${nodePackage}`,
  )
})
afterEach(() => rm(root, { recursive: true, force: true }))

/** An npm that notes each call in npm-calls and then does `body`. */
async function writeFakeNpm(body: string): Promise<void> {
  const path = join(root, 'fake-bin/npm')
  await writeFile(path, `#!/bin/sh\necho "$@" >> "${root}/npm-calls"\n${body}\n`)
  await chmod(path, 0o755)
}

async function markAsSetUp(): Promise<void> {
  await mkdir(join(root, 'node_modules'))
  await symlink(join(checkout, 'node_modules', nodePackage), join(root, 'node_modules', nodePackage))
  const setup = (await import(pathToFileURL(join(root, 'scripts/setup.mjs')).href)) as { fingerprint: () => string }
  await writeFile(join(root, 'node_modules/.nixen-setup'), setup.fingerprint())
}

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

function start(...args: readonly string[]): {
  kill: (signal: NodeJS.Signals) => void
  ready: Promise<void>
  ended: Promise<Ended>
} {
  const env = { ...process.env, PATH: `${root}/fake-bin:${process.env['PATH']}` }
  const child = spawn('node', [join(root, 'bin/nixen'), ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  const ready = new Promise<void>((resolve) =>
    child.stdout.on('data', (part: Buffer) => {
      stdout += part.toString()
      if (stdout.includes('ready')) resolve()
    }),
  )
  child.stderr.on('data', (part: Buffer) => (stderr += part.toString()))
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return { kill: (signal) => child.kill(signal), ready, ended }
}

const npmCalls = (): Promise<string> => readFile(join(root, 'npm-calls'), 'utf8').catch(() => '')

describe('bin/nixen in a checkout that is set up', () => {
  beforeEach(markAsSetUp)

  test('starts the program on Node 26 with the arguments as they are, and does not call npm', async () => {
    const { code, stdout } = await start('say', '0', 'two words', '--flag=$HOME').ended
    expect(JSON.parse(stdout)).toEqual({
      version: expect.stringMatching(/^v26\./),
      args: ['say', '0', 'two words', '--flag=$HOME'],
    })
    expect(code).toBe(0)
    expect(await npmCalls()).toBe('')
  })

  test.each([1, 2, 77])('exits with the code of the program (%d)', async (wanted) => {
    expect((await start('say', String(wanted)).ended).code).toBe(wanted)
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const)(
    'hands on %s and waits for the program',
    async (signal) => {
      const running = start('wait', signal)
      await running.ready
      running.kill(signal)
      expect(await running.ended).toMatchObject({ code: 7, stdout: `ready\ngot ${signal}\n` })
    },
  )

  test.each(['SIGTERM', 'SIGKILL'] as const)('dies of %s when the program does', async (signal) => {
    expect(await start('die', signal).ended).toMatchObject({ code: null, signal })
  })

  test('runs the scripts of the checkout by `dev`', async () => {
    await writeFile(
      join(root, 'scripts/hello.ts'),
      'console.log(`hello ${process.argv[2] satisfies string | undefined}`)',
    )
    expect(await start('dev', 'hello', 'you').ended).toMatchObject({ code: 0, stdout: 'hello you\n' })
  })
})

describe('bin/nixen in a fresh checkout', () => {
  test('installs what the lock names, once, and keeps stdout for the program', async () => {
    const first = await start('say').ended
    expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\{"version":"v26/) })
    expect(await start('say').ended).toMatchObject({ code: 0, stderr: '' })
    expect((await npmCalls()).trim().split('\n')).toEqual([expect.stringMatching(/^ci /)])
  })

  test('installs again when a manifest has changed', async () => {
    await start('say').ended
    await writeFile(join(root, 'packages/cli/package.json'), '{"dependencies":{}}')
    await start('say').ended
    expect((await npmCalls()).trim().split('\n')).toHaveLength(2)
  })

  test('sets up once when two are started at the same time', async () => {
    await writeFakeNpm(
      `sleep 0.5; mkdir -p node_modules && ln -sfn "${checkout}node_modules/${nodePackage}" node_modules/${nodePackage}`,
    )
    const both = await Promise.all([start('say').ended, start('say').ended])
    expect(both.map(({ code }) => code)).toEqual([0, 0])
    expect((await npmCalls()).trim().split('\n')).toHaveLength(1)
  })

  test('takes over the lock of a set-up that was killed', async () => {
    await mkdir(join(root, '.cache'))
    await writeFile(join(root, '.cache/setup.lock'), '4194305')
    expect((await start('say').ended).code).toBe(0)
  })

  test('leaves the tree that is there whole when it fails or is killed, and installs the next time', async () => {
    await start('say').ended
    await writeFile(join(root, 'node_modules/mark'), 'the old tree')
    await writeFile(join(root, 'package.json'), '{"type":"module","name":"changed"}')
    await writeFakeNpm('mkdir -p node_modules/half && exit 1')
    expect((await start('say').ended).code).toBe(1)
    expect(await readFile(join(root, 'node_modules/mark'), 'utf8')).toBe('the old tree')

    await writeFakeNpm(`mkdir -p node_modules/half && touch "${root}/installing" && exec sleep 3`)
    const running = start('say')
    const isInstalling = () =>
      access(join(root, 'installing')).then(
        () => true,
        () => false,
      )
    await expect.poll(isInstalling, { timeout: 10_000 }).toBe(true)
    running.kill('SIGKILL')
    await running.ended
    expect(await readFile(join(root, 'node_modules/mark'), 'utf8')).toBe('the old tree')

    await writeFakeNpm(`${linkNode} && touch node_modules/new`)
    expect((await start('say').ended).code).toBe(0)
    const found = await readdir(join(root, 'node_modules'))
    expect([found.includes('new'), found.includes('mark'), found.includes('half')]).toEqual([true, false, false])
    const left = await readdir(join(root, '.cache'))
    expect(left.filter((name) => /install|lock/.test(name))).toEqual([])
  }, 60_000)

  test('puts what npm gave to one workspace alone in its place, and takes away what was there', async () => {
    await writeFile(join(root, 'packages/cli/package.json'), '{"name":"cli"}')
    await mkdir(join(root, 'packages/cli/node_modules/gone'), { recursive: true })
    await writeFakeNpm(`${linkNode}; test -f packages/cli/package.json && mkdir -p packages/cli/node_modules/own`)
    expect((await start('say').ended).code).toBe(0)
    expect(await readdir(join(root, 'packages/cli/node_modules'))).toEqual(['own'])
  })

  test('says what failed and what to do when npm fails', async () => {
    await writeFakeNpm('exit 3')
    const { code, stderr } = await start('say').ended
    expect(code).toBe(1)
    expect(stderr).toContain('nixen: "npm ci')
    expect(stderr).toContain('Check the network')
    expect(stderr).not.toContain('at ')
  })
})
