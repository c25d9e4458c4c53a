import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseId, type Client, type Vm, type VmId } from '@nixen/api'
import { startServer, type Server } from '@nixen/server'
import { startToolstack, type Toolstack } from '@nixen/toolstack'
import { clientOf } from '../connect/connect.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import type { ProgressView } from '../output/progress.ts'
import { nixenVersion } from '../version.ts'
import { demoErrors } from './errors.ts'
import { followTask, until, type Asking } from './follow.ts'
import { GuestDisk } from './guest-disk.ts'
import { imageSize, writeImage } from './image.ts'

/** Of the inventory that this seed makes: they run, and have one disk each. */
const seed = 1
const realNames = ['web-prod-001', 'api-test-001', 'cache-test-001'] as const
/** The simulated pool listens on loopback only, and everybody knows its password. */
const poolPassword = 'nixen'
/** Name of the administrator of the demonstration. */
export const userName = 'admin'

/** A VM with a real disk, and its guest. */
export interface Machine {
  readonly vm: Vm
  readonly disk: GuestDisk
}

/** Everything that the demonstration works with; disposing of it ends and removes all. */
export interface Stage extends AsyncDisposable {
  readonly asking: Asking
  readonly folder: string
  readonly stateDir: string
  readonly server: Server
  readonly client: Client
  readonly machines: readonly [Machine, ...Machine[]]
  /** Virtual bytes of all real disks, and bytes with data. */
  readonly sizes: { readonly virtual: number; readonly data: number }
  /** Password of the administrator. */
  readonly password: string
  /** The guest of a VM that came later. */
  readonly guestOf: (vm: VmId) => GuestDisk
}

/** Starts a server and a simulated pool in a temporary folder. */
export async function openStage(context: NixenContext, view: ProgressView, count?: number): Promise<Stage> {
  const { signal } = context
  const names = realNames.slice(0, count)
  await using parts = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'nixen-demo-'))
  parts.defer(async () => await rm(folder, { recursive: true, force: true }))
  const images: { vm: string; path: string }[] = []
  let data = 0
  for (const [number, vm] of names.entries()) {
    const path = join(folder, `${vm}.raw`)
    data += await writeImage(path, number, signal)
    images.push({ vm, path })
    view.update({ done: number + 1, total: names.length * 2, unit: 'items' })
  }
  const toolstack = parts.use(await openPool(folder, images))
  await Promise.all(images.map(async ({ path }) => await rm(path)))
  signal.throwIfAborted()
  const stateDir = join(folder, 'state')
  const server = parts.use(await openServer(stateDir))
  if (server.localSocket === undefined) throw cliErrors.no_local_socket({ directory: stateDir })
  const client = clientOf({ name: 'local', baseUrl: 'http://localhost', socketPath: server.localSocket }, context)
  const asking = { client, signal, clock: context.clock }
  await connect(asking, toolstack)
  view.update({ done: names.length * 2, total: names.length * 2, unit: 'items' })
  const guestOf = (vm: VmId): GuestDisk =>
    new GuestDisk({ debugUrl: toolstack.pools[0]?.debugUrl ?? '', uuid: parseId(vm)?.key ?? '' })
  const [first, ...others] = await machinesOf(asking, names, guestOf)
  if (!first) throw demoErrors.late({ what: 'its VMs' })
  const password = await makeUser(asking, server)
  const running = parts.move()
  return {
    asking,
    folder,
    stateDir,
    server,
    client,
    machines: [first, ...others],
    sizes: { virtual: names.length * imageSize, data },
    password,
    guestOf,
    [Symbol.asyncDispose]: async () => await running.disposeAsync(),
  }
}

async function openPool(folder: string, images: readonly { vm: string; path: string }[]): Promise<Toolstack> {
  const dataDir = join(folder, 'pool')
  await mkdir(dataDir)
  return await startToolstack({ hosts: 3, vms: 12, seed, dataDir, images, debugPort: 0, password: poolPassword })
}

/** On loopback and a free port; nothing of the surroundings shapes it. */
async function openServer(stateDir: string): Promise<Server> {
  const flags = { 'server.listen': '127.0.0.1', 'server.port': 0, 'log.level': 'error' }
  return await startServer({ stateDir, version: nixenVersion, flags })
}

/** Connects the pool and lets its hosts offer disks over NBD, which is how they are read best. */
async function connect(asking: Asking, { url: address, fingerprint }: Toolstack): Promise<void> {
  const { client, signal } = asking
  const target = {
    address,
    username: 'root',
    password: poolPassword,
    ...(fingerprint === undefined ? {} : { fingerprint }),
  }
  await client.connection.add({ kind: 'xapi', name: 'Simulated pool', ...target }, { signal })
  const networks = await until(asking, 'the networks of the simulated pool', async () => {
    const { items } = await client.network.list({ q: 'kind:external' }, { signal })
    return items.length > 0 ? items : undefined
  })
  const quiet: ProgressView = { update: () => undefined, end: () => undefined }
  for (const { id } of networks) {
    await followTask(asking, (await client.network.update({ id, nbd: 'tls' }, { signal })).task, quiet)
  }
}

async function machinesOf(
  asking: Asking,
  names: readonly string[],
  guestOf: Stage['guestOf'],
): Promise<readonly Machine[]> {
  const { client, signal } = asking
  const found = await until(asking, 'the VMs of the simulated pool', async () => {
    const { items } = await client.vm.list({ limit: 1000 }, { signal })
    const real = names.flatMap((name) => items.find((vm) => vm.name === name) ?? [])
    return real.length === names.length ? real : undefined
  })
  return found.map((vm) => ({ vm, disk: guestOf(vm.id) }))
}

/** So that somebody can log in when it is over. */
async function makeUser({ client, signal }: Asking, { setUpUrl }: Server): Promise<string> {
  const password = randomBytes(12).toString('base64url')
  await client.session.setUp({ token: setUpUrl?.split('#')[1] ?? '', name: userName, password }, { signal })
  return password
}

/** Where the repository is, and the file with its password. */
export interface RepositoryPlace {
  readonly path: string
  readonly passwordFile: string
  readonly password: string
}

/** Makes an empty folder and a password for the repository. */
export async function makeRepositoryPlace(folder: string): Promise<RepositoryPlace> {
  const path = join(folder, 'repository')
  const passwordFile = join(folder, 'repository-password')
  const password = randomBytes(18).toString('base64url')
  await mkdir(path)
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
  return { path, passwordFile, password }
}
