import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ConnectionId, Job, JobId, Point, RepositoryId, RunDetail, RunId, TaskId, Vm } from '@nixen/api'
import { MiB, seededRandom, silentLog, systemClock, systemRandom, type Random } from '@nixen/core'
import { xapiProvider, type ProviderSession, type Stray } from '@nixen/providers'
import { restic } from '@nixen/testkit/restic'
import { startToolstack, type RunningPool, type Toolstack } from '@nixen/toolstack'
import { Xapi, type Ref } from '@nixen/xapi'
import { admin, browser, eventually, type Browser } from '../rig.ts'

export const password = 'a password of the repository'
const machine = 'web-prod-001'
const size = 12 * MiB
/** Bytes that one write of the guest changes. */
const piece = 64 * 1024

export type Victim = 'server' | 'worker'

export interface WorldOptions {
  /** Hosts of the pool; 2 when left out. */
  readonly hosts?: number
  readonly seed?: number
  /** Path of the repository, where it is not in the folder of the test. */
  readonly repository?: string
}

/** The control plane in a process that can be killed, hosts in this one, a VM that is written to, a repository and a job. */
export class FaultWorld implements AsyncDisposable {
  readonly folder: string
  readonly #random: Random
  readonly #hosts: number
  readonly repositoryPath: string
  /** How far the clocks of the hosts are behind, milliseconds: what they freeze is as old. */
  behind = 0
  /** What the disk of the VM holds. */
  content: Buffer
  toolstack!: Toolstack
  #port = 0
  #server: ChildProcess | undefined
  #password = password
  tab!: Browser
  vm!: Vm
  connection!: ConnectionId
  repository!: RepositoryId
  job!: Job

  private constructor(folder: string, { hosts = 2, seed = 1, repository }: WorldOptions) {
    this.folder = folder
    this.#hosts = hosts
    this.#random = seededRandom(seed)
    this.repositoryPath = repository ?? join(folder, 'repository')
    this.content = Buffer.alloc(size)
    for (let at = 0; at < 4 * MiB; at += piece) this.#fill(this.content.subarray(at, at + piece))
  }

  static async start(options: WorldOptions = {}): Promise<FaultWorld> {
    const world = new FaultWorld(await mkdtemp(join(tmpdir(), 'nixen-faults-')), options)
    try {
      await world.#begin()
      return world
    } catch (error) {
      await world[Symbol.asyncDispose]()
      throw error
    }
  }

  async #begin(): Promise<void> {
    await writeFile(join(this.folder, 'disk.raw'), this.content)
    await this.comeBack()
    const { setUpUrl = '' } = await this.startServer()
    const me = await this.client.session.setUp({ token: setUpUrl.split('#')[1] ?? '', ...admin })
    this.tab.csrf = me.csrf
    const { url: address, fingerprint = '' } = this.toolstack
    const added = await this.client.connection.add({
      kind: 'xapi',
      address,
      username: 'root',
      password: 'nixen',
      fingerprint,
    })
    this.connection = added.id
    this.vm = await eventually(async () => (await this.client.vm.list({ q: `name:${machine}` })).items[0], 30_000)
    if (this.vm.power !== 'running') await this.ended((await this.client.vm.start({ id: this.vm.id })).task)
    for (const { id } of (await this.client.network.list({ q: 'kind:external' })).items)
      await this.ended((await this.client.network.update({ id, nbd: 'tls' })).task)
    await mkdir(this.repositoryPath, { recursive: true })
    const location = this.repositoryPath
    this.repository = (await this.client.repository.create({ name: 'NAS', location, password })).id
    this.job = await this.makeJob({})
  }

  get client(): Browser['client'] {
    return this.tab.client
  }

  get pool(): RunningPool {
    const [pool] = this.toolstack.pools
    if (!pool) throw new TypeError('There is a pool')
    return pool
  }

  /** Native uuid of the VM. */
  get uuid(): string {
    return this.vm.id.split('.')[2] ?? ''
  }

  async makeJob(more: Partial<Parameters<Browser['client']['job']['create']>[0]>): Promise<Job> {
    return await this.client.job.create({
      name: `Nightly ${systemClock.monotonic()}`,
      work: { kind: 'backup', repositories: [this.repository] },
      selection: { ids: [this.vm.id] },
      schedules: [{ name: 'nightly', cron: '0 2 1 1 *', keep: { last: 3 } }],
      limits: { retries: 0 },
      ...more,
    })
  }

  /** All hosts stop answering, at once. */
  async goAway(): Promise<void> {
    await this.toolstack[Symbol.asyncDispose]()
  }

  /** The hosts are there (again), at the same addresses. */
  async comeBack(): Promise<void> {
    this.toolstack = await startToolstack({
      hosts: this.#hosts,
      vms: 4,
      seed: 7,
      waits: false,
      loginDelay: false,
      conflictWait: 300,
      dataDir: join(this.folder, 'toolstack'),
      images: [{ vm: machine, path: join(this.folder, 'disk.raw') }],
      clock: { ...systemClock, now: () => systemClock.now() - this.behind },
      port: this.#port,
      nbdPort: 0,
      debugPort: 0,
    })
    this.#port = this.toolstack.port
  }

  async startServer(): Promise<{ readonly url: string; readonly setUpUrl?: string }> {
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL('../server-child.ts', import.meta.url)), join(this.folder, 'state')],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        // It is started hundreds of times.
        env: { ...process.env, NODE_COMPILE_CACHE: join(this.folder, 'compiled') },
      },
    )
    this.#server = child
    for await (const line of createInterface({ input: child.stdout })) {
      // What server-child.ts prints.
      const told = JSON.parse(line) as { url: string; setUpUrl?: string }
      const { cookie, csrf } = this.tab ?? {}
      this.tab = Object.assign(browser(told.url), { cookie, csrf })
      return told
    }
    throw new Error('The server did not start')
  }

  /** kill -9 of the server. Its workers notice by themselves. */
  async killServer(): Promise<void> {
    const child = this.#server
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  /** Kills, starts the server again if it was that, and gives how the run ended. */
  async killAndRead(victim: Victim, run: RunId): Promise<RunDetail> {
    if (victim === 'worker') await this.killWorkers()
    else {
      await this.killServer()
      await this.startServer()
    }
    return await this.endedRun(run)
  }

  /** Waits until the server has its hosts. */
  async connected(): Promise<void> {
    await eventually(async () => {
      const { state } = await this.client.connection.get({ id: this.connection })
      return state === 'connected' ? true : undefined
    }, 60_000)
  }

  /** Workers of the server that live. */
  async workers(): Promise<number[]> {
    const pid = this.#server?.pid ?? 0
    const tasks = await readdir(`/proc/${pid}/task`).catch(() => [])
    const lists = tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => ''))
    return (await Promise.all(lists)).flatMap((list) => list.split(' ').filter(Boolean).map(Number))
  }

  /** kill -9 of all workers; how many there were. */
  async killWorkers(): Promise<number> {
    const pids = await this.workers()
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended meanwhile.
      }
    }
    return pids.length
  }

  /** The guest writes here and there. */
  async write(times = 3): Promise<void> {
    for (let i = 0; i < times; i++) {
      const offset = Math.floor(this.#random() * Math.floor(this.content.length / piece)) * piece
      const bytes = this.content.subarray(offset, offset + piece)
      this.#fill(bytes)
      const url = `${this.pool.debugUrl}/vms/${this.uuid}/disks/0?offset=${offset}`
      const response = await fetch(url, { method: 'PUT', body: Buffer.from(bytes) })
      if (!response.ok) throw new Error(await response.text())
    }
  }

  async begin(job: JobId = this.job.id): Promise<RunId> {
    const schedule = job === this.job.id ? 'nightly' : undefined
    return (await this.client.job.run({ id: job, ...(schedule ? { schedule } : {}) })).run
  }

  async endedRun(id: RunId): Promise<RunDetail> {
    return await eventually(async () => {
      const found = await this.client.run.get({ id })
      return found.finished === undefined ? undefined : found
    }, 120_000)
  }

  async run(job?: JobId): Promise<RunDetail> {
    return await this.endedRun(await this.begin(job))
  }

  /** The run that all tests of a file begin with. */
  async firstRun(): Promise<void> {
    const { state, summary } = await this.run()
    if (state !== 'succeeded') throw new Error(`The first run ${state}: ${summary}`)
  }

  async ended(id: TaskId): Promise<void> {
    await eventually(
      async () => ((await this.client.task.get({ id })).finished === undefined ? undefined : true),
      60_000,
    )
  }

  async points(): Promise<readonly Point[]> {
    return (await this.client.point.list({ q: `name:${machine}`, limit: 1000 })).items
  }

  /** Somebody else at the hosts. */
  async asRoot<T>(work: (xapi: Xapi) => Promise<T>): Promise<T> {
    const { url, fingerprint = '' } = this.toolstack
    const tls = { kind: 'pin', fingerprint } as const
    await using xapi = await Xapi.connect({ url, username: 'root', password: 'nixen', tls })
    return await work(xapi)
  }

  async vmRef(xapi: Xapi): Promise<Ref<'VM'>> {
    return await xapi.client.VM.get_by_uuid(this.uuid)
  }

  /** The first disk of the VM. */
  async diskRef(xapi: Xapi): Promise<Ref<'VDI'>> {
    for (const ref of await xapi.client.VM.get_VBDs(await this.vmRef(xapi))) {
      const { VDI, userdevice } = await xapi.client.VBD.get_record(ref)
      if (userdevice === '0' && VDI) return VDI
    }
    throw new Error('The VM has no disk')
  }

  /** What bears marks of Nixen on the hosts, and was made for the job. */
  async strays(): Promise<readonly Stray[]> {
    await using session = await this.#session()
    return (await session.protect.strays()).filter(({ owner }) => owner === this.job.id || owner === '')
  }

  async #session(): Promise<ProviderSession> {
    const { url: address, fingerprint } = this.toolstack
    const spec = {
      id: this.connection,
      kind: 'xapi',
      address,
      username: 'root',
      password: 'nixen',
      fingerprint,
    } as const
    return await xapiProvider.open(spec, { clock: systemClock, random: systemRandom, log: silentLog })
  }

  /** Locks that count: what a killed write left under a temporary name is none, and goes with the next prune after a day. */
  async locks(): Promise<readonly string[]> {
    return (await readdir(join(this.repositoryPath, 'locks'))).filter((name) => /^[0-9a-f]{64}$/.test(name))
  }

  /** The password of the repository is another one, without Nixen's knowledge. */
  async changeKey(next: string): Promise<void> {
    const file = join(this.folder, 'password')
    await writeFile(file, next)
    await this.restic('key', 'passwd', '--new-password-file', file)
    this.#password = next
  }

  /** restic, which may fail: somebody else works in the repository. */
  async tryRestic(...args: string[]): Promise<number> {
    return (await restic(this.repositoryPath, args, { password: this.#password })).code
  }

  async restic(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await restic(this.repositoryPath, args, { password: this.#password })
    if (code !== 0) throw new Error(`restic ${args.join(' ')}: ${stderr}`)
    return stdout + stderr
  }

  /** What restic restores of a restore point's first disk. */
  async restored(point: Point): Promise<Buffer> {
    const target = join(this.folder, 'out')
    const { disks } = await this.client.point.get({ id: point.id })
    await this.restic('restore', point.id.split('.')[1] ?? '', '--target', target)
    const bytes = await readFile(join(target, disks[0]?.path ?? ''))
    await rm(target, { recursive: true })
    return bytes
  }

  #fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = 1 + Math.floor(this.#random() * 255)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killWorkers()
    await this.killServer()
    await this.toolstack?.[Symbol.asyncDispose]()
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
