import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@nixen/core'
import { startServer, type Server, type ServerOptions } from '@nixen/server'
import { startToolstack, type Toolstack, type ToolstackOptions } from '@nixen/toolstack'
import { runHere, type HereOptions } from './run-here.ts'
import type { Result } from './run-nixen.ts'

/** Password of everybody in tests, in the file `password` of the folder. */
export const password = 'a long enough password 7'

/** A folder for one test file, with an environment that keeps everything in it. */
export interface Place extends AsyncDisposable {
  readonly folder: string
  readonly state: string
  readonly env: Readonly<Record<string, string>>
  /** Runs a command there. */
  nixen(args: readonly string[], options?: HereOptions): Promise<Result>
  /** Runs a command with --json and gives its answer; fails when the command does. */
  // oxlint-disable-next-line no-explicit-any -- what is in an answer is what the tests look at
  ask(...args: readonly string[]): Promise<any>
}

export async function makePlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'nixen-cli-'))
  const state = join(folder, 'state')
  const env = { HOME: folder, XDG_CONFIG_HOME: join(folder, 'config'), NIXEN_STATE_DIR: state }
  await writeFile(join(folder, 'password'), `${password}\n`)
  const nixen: Place['nixen'] = (args, options) => runHere(args, { ...options, env: { ...env, ...options?.env } })
  return {
    folder,
    state,
    env,
    nixen,
    async ask(...args) {
      const { code, stdout, stderr } = await nixen([...args, '--json'])
      if (code !== 0) throw new Error(`nixen ${args.join(' ')} ended with ${code}: ${stderr}`)
      return JSON.parse(stdout)
    },
    [Symbol.asyncDispose]: async () => await rm(folder, { recursive: true, force: true }),
  }
}

/** A server on a free port of loopback, with its own certificate. */
export async function serverIn(place: Place, options: Partial<ServerOptions> = {}): Promise<Server> {
  const flags = { 'server.listen': '127.0.0.1', 'server.port': 0, 'log.level': 'silent', ...options.flags }
  return await startServer({ stateDir: place.state, version: '0.0.0-test', ...options, flags })
}

/** A simulated pool that answers at once. */
export async function pool(options: ToolstackOptions = {}): Promise<Toolstack> {
  return await startToolstack({ hosts: 2, vms: 12, loginDelay: false, waits: false, ...options })
}

/** Connects one of the pools of a toolstack by the command line. */
export async function connectPool(place: Place, toolstack: Toolstack, index: number, name: string): Promise<void> {
  const file = join(place.folder, 'pool-password')
  await writeFile(file, 'nixen\n')
  const url = toolstack.pools[index]?.url ?? ''
  const { certificate } = await place.ask('connection', 'test', 'xapi', url)
  await place.ask(
    'connection',
    'add',
    'xapi',
    url,
    '--name',
    name,
    '--password-file',
    file,
    '--fingerprint',
    certificate.fingerprint,
  )
}

/** A server and a simulated pool that it is connected to. */
export interface Lab extends AsyncDisposable {
  readonly place: Place
  readonly server: Server
  readonly toolstack: Toolstack
}

/** A place with a server in it, connected to a pool with disks and a few VMs, all of them seen. */
export async function makeLab({ vms = 2, ...options }: ToolstackOptions = {}): Promise<Lab> {
  const place = await makePlace()
  const server = await serverIn(place)
  const toolstack = await pool({ vms, dataDir: join(place.folder, 'toolstack'), ...options })
  await connectPool(place, toolstack, 0, 'one')
  await eventually(async () => (await place.ask('vm', 'list')).total === vms)
  return {
    place,
    server,
    toolstack,
    async [Symbol.asyncDispose]() {
      await toolstack[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
    },
  }
}

/** Waits until `condition` holds, at most 20 s. */
export async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('It did not happen within 20 s')
    await systemClock.sleep(50)
  }
}
