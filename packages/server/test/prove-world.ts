import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Point, RepositoryId, RunDetail, RunId, Task, TaskId, Vm } from '@nixen/api'
import { startToolstack, type Toolstack, type ToolstackOptions } from '@nixen/toolstack'
import type { Server, ServerOptions } from '../src/index.ts'
import { eventually, signUp, temporaryState, testServer, type Browser } from './rig.ts'

/** A pool with a VM that has a real disk, a server, and a repository with a restore point of it. */
export interface ProveWorld extends AsyncDisposable {
  readonly work: string
  readonly state: string
  readonly toolstack: Toolstack
  readonly server: Server
  readonly tab: Browser
  readonly repository: RepositoryId
  readonly location: string
  readonly vm: Vm
  ended(task: TaskId): Promise<Task>
  endedRun(id: RunId): Promise<RunDetail>
  /** Backs the VM up once more. */
  backUp(): Promise<Point>
  /** What the guest agent of a VM says from now on. */
  guest(uuid: string, says: object): Promise<void>
  /** Writes into the VM's disk as its guest would. */
  write(offset: number, bytes: Uint8Array): Promise<void>
}

export const password = 'a password of the repository'

/** 24 MiB with some data and much nothing. */
export function image(): Buffer {
  const bytes = Buffer.alloc(24 * 1024 * 1024)
  for (let at = 0; at < 6 * 1024 * 1024; at += 32) {
    const block = createHash('sha256').update(String(at)).digest()
    block.copy(bytes, at + 3 * 1024 * 1024)
  }
  return bytes
}

export async function proveWorld(
  options: ToolstackOptions = {},
  serverOptions: Partial<ServerOptions> = {},
): Promise<ProveWorld> {
  await using parts = new AsyncDisposableStack()
  const state = parts.use(await temporaryState())
  const work = parts.use(await temporaryState())
  const file = join(work.path, 'disk.raw')
  await writeFile(file, image())
  const toolstack = parts.use(
    await startToolstack({
      hosts: 2,
      vms: 4,
      waits: false,
      loginDelay: false,
      seed: 7,
      dataDir: join(work.path, 'toolstack'),
      images: [{ vm: 'web-prod-001', path: file }],
      debugPort: 0,
      ...options,
    }),
  )
  const server = parts.use(await testServer(state.path, serverOptions))
  const tab = await signUp(server)
  const { client } = tab
  const { url: address, fingerprint = '' } = toolstack
  await client.connection.add({ kind: 'xapi', address, username: 'root', password: 'nixen', fingerprint })
  const vm = await eventually(async () => (await client.vm.list({ q: 'name:web-prod-001' })).items[0])
  const ended = async (task: TaskId): Promise<Task> =>
    await eventually(async () => {
      const found = await client.task.get({ id: task })
      return found.finished === undefined ? undefined : found
    }, 120_000)
  const endedRun = async (id: RunId): Promise<RunDetail> =>
    await eventually(async () => {
      const found = await client.run.get({ id })
      return found.finished === undefined ? undefined : found
    }, 120_000)
  for (const { id } of (await client.network.list({ q: 'kind:external' })).items)
    await ended((await client.network.update({ id, nbd: 'tls' })).task)
  const location = join(work.path, 'repository')
  await mkdir(location)
  const { id: repository } = await client.repository.create({ name: 'NAS', location, password })
  const job = await client.job.create({
    name: 'Backup',
    work: { kind: 'backup', repositories: [repository] },
    selection: { ids: [vm.id] },
  })
  const debug = toolstack.pools[0]?.debugUrl ?? ''
  const put = async (path: string, body: string | Uint8Array): Promise<void> => {
    const response = await fetch(`${debug}${path}`, { method: 'PUT', body: Buffer.from(body) })
    if (!response.ok) throw new Error(await response.text())
  }
  const uuid = vm.id.split('.')[2] ?? ''
  const running = parts.move()
  return {
    work: work.path,
    state: state.path,
    toolstack,
    server,
    tab,
    repository,
    location,
    vm,
    ended,
    endedRun,
    async backUp() {
      const run = await endedRun((await client.job.run({ id: job.id })).run)
      if (run.state !== 'succeeded') throw new Error(`The backup ${run.state}: ${run.summary}`)
      const [newest] = (await client.point.list({ q: 'name:web-prod-001', limit: 1 })).items
      if (!newest) throw new Error('There is no restore point')
      return newest
    },
    guest: async (key, says) => await put(`/vms/${key}/guest`, JSON.stringify(says)),
    write: async (offset, bytes) => await put(`/vms/${uuid}/disks/0?offset=${offset}`, bytes),
    [Symbol.asyncDispose]: async () => await running.disposeAsync(),
  }
}

/** Names of everything on the pool that a backup, a check or a replica could leave behind. */
export async function onPool({ tab }: Pick<ProveWorld, 'tab'>): Promise<Record<string, readonly string[]>> {
  const { client } = tab
  const names = (list: { readonly items: readonly { readonly name: string }[] }) =>
    list.items.map(({ name }) => name).toSorted()
  const all = { limit: 1000 }
  return {
    vms: names(await client.vm.list(all)),
    networks: names(await client.network.list(all)),
    disks: names(await client.disk.list(all)),
  }
}
