import { execFile, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { GiB, MiB } from '@nixen/core'
import { bundle } from '../../scripts/bundle.ts'
import { measure, type Measured } from '../backup/measure.ts'
import { figure, median, type Figure } from '../figure.ts'
import { makeBenchImage, makeChangedCopy, type Run } from '../image.ts'
import { Release } from '../server/release.ts'
import type { PoolSpec, WriteOrder } from './pool.ts'
import { cpuOf, MemoryWatch } from './usage.ts'

const quick = process.env['NIXEN_BENCH_QUICK'] === '1'
const size = quick ? GiB : 2 * GiB
const many = quick ? 5 : 20
const eachSize = (quick ? 32 : 64) * MiB
const planned = quick ? 1000 : 10_000
const password = 'bench'
const alone = fileURLToPath(new URL('../backup/ours.ts', import.meta.url))
const of = (name: string, unit: string, ours: number, peer?: number): Figure =>
  figure('protect', name, unit, ours, peer)

/** Backups through the whole stack, each part a process of its own: toolstack (NBD over TLS), server, worker, local repository. */
export async function run(): Promise<Figure[]> {
  const scratch = await mkdtemp(join(process.env['NIXEN_BENCH_DIR'] ?? tmpdir(), 'nixen-bench-'))
  try {
    const release = process.env['NIXEN_BENCH_RELEASE'] ?? join(scratch, 'release')
    if (!existsSync(release)) await bundle(release)
    const figures = [
      ...(await wholeStack(scratch, release)),
      ...(await manyMachines(scratch, release)),
      ...(await planning(scratch, release)),
      ...(await points()),
    ]
    return [...figures, of('load average over a minute at the end', '1', loadavg()[0] ?? 0)]
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** A pool, a server that is connected to it, and a repository. */
class Stack implements AsyncDisposable {
  readonly pool: ChildProcess
  readonly server: Release

  private constructor(pool: ChildProcess, server: Release) {
    this.pool = pool
    this.server = server
  }

  static async start(spec: PoolSpec, { release, state }: { release: string; state: string }): Promise<Stack> {
    const pool = fork(fileURLToPath(new URL('pool.ts', import.meta.url)), [JSON.stringify(spec)])
    // What the script sends.
    const [{ url: address, fingerprint }] = (await once(pool, 'message')) as [{ url: string; fingerprint: string }]
    const stack = new Stack(pool, await Release.start(release, { state, probe: false }))
    await stack.call('POST', '/connections', { kind: 'xapi', address, password: 'nixen', fingerprint })
    await until(async () => (await stack.list<{ state: string }>('/connections'))[0]?.state === 'connected')
    return stack
  }

  async call<T>(method: string, path: string, body?: object): Promise<T> {
    // The server's own contract.
    return (await this.server.call(method, path, body)) as T
  }

  async list<T>(path: string): Promise<readonly T[]> {
    return (await this.call<{ items: readonly T[] }>('GET', path)).items
  }

  async allowNbd(): Promise<void> {
    for (const { id } of await this.list<{ id: string }>('/networks?q=kind:external'))
      await this.call('PATCH', `/networks/${id}`, { nbd: 'tls' })
    await setTimeout(500)
  }

  async repository(path: string): Promise<string> {
    await mkdir(path)
    return (await this.call<{ id: string }>('POST', '/repositories', { name: path, location: path, password })).id
  }

  async job(repository: string, ids: readonly string[]): Promise<string> {
    const work = { kind: 'backup', repositories: [repository] }
    return (await this.call<{ id: string }>('POST', '/jobs', { name: repository + ids[0], work, selection: { ids } }))
      .id
  }

  /** Seconds of a run from the request to its end. */
  async run(job: string): Promise<number> {
    const begun = performance.now()
    const { run: id } = await this.call<{ run: string }>('POST', `/jobs/${job}/run`, {})
    let found: { state: string; finished?: number; summary?: string } = { state: 'running' }
    await until(async () => {
      found = await this.call('GET', `/runs/${id}`)
      return found.finished !== undefined
    })
    if (found.state !== 'succeeded') throw new Error(`The run ${found.state}: ${found.summary}`)
    return (performance.now() - begun) / 1000
  }

  /** What a run takes: seconds, CPU seconds of server and workers, and of the toolstack. */
  async measured(job: string): Promise<{ wall: number; cpu: number; theirs: number }> {
    const [server, pool] = [cpuOf(this.server.pid), cpuOf(this.pool.pid ?? 0)]
    const wall = await this.run(job)
    return { wall, cpu: cpuOf(this.server.pid) - server, theirs: cpuOf(this.pool.pid ?? 0) - pool }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
    const ended = once(this.pool, 'exit')
    this.pool.disconnect()
    await ended
  }
}

async function until(condition: () => Promise<boolean>, pause = 100): Promise<void> {
  while (!(await condition())) await setTimeout(pause)
}

interface Machine {
  readonly id: string
  readonly name: string
}

async function wholeStack(scratch: string, release: string): Promise<Figure[]> {
  const image = join(scratch, 'disk.raw')
  const changed = join(scratch, 'changed.raw')
  await makeBenchImage(image, { size, seed: 1 })
  const changes = await makeChangedCopy(changed, { from: image, fraction: 0.05, seed: 2 })
  const vm = 'web-prod-001'
  await using stack = await Stack.start(
    { vms: 4, dataDir: join(scratch, 'pool'), images: [{ vm, path: image }] },
    { release, state: join(scratch, 'state') },
  )
  await stack.allowNbd()
  const [machine] = await stack.list<Machine>(`/vms?q=name:${vm}`)
  if (!machine) throw new Error('There is no VM')
  const job = await stack.job(await stack.repository(join(scratch, 'repository')), [machine.id])
  await using memory = new MemoryWatch(stack.server.pid)
  const first = await stack.measured(job)
  const engine = await backUpAlone(scratch, { image, changed, changes })
  await write(stack, { vm: machine.id.split('.')[2] ?? '', from: changed, ranges: changes })
  const next = await stack.measured(job)
  await restoredIsEqual(join(scratch, 'repository'), changed)
  const mb = (seconds: number): number => size / 1e6 / seconds
  // What the processors do for the toolstack would be done by hosts.
  const without = ({ wall, theirs }: { wall: number; theirs: number }): number => Math.max(0.01, wall - theirs / 2)
  return [
    of(
      'first backup, throughput, against packages/backup alone (aim: ratio 0.6)',
      'MB/s',
      mb(first.wall),
      mb(engine.first.wallSeconds),
    ),
    of(
      "the same without the toolstack's CPU (aim: ratio 0.85)",
      'MB/s',
      mb(without(first)),
      mb(engine.first.wallSeconds),
    ),
    of('first backup, CPU of server and worker', 's', first.cpu, engine.first.cpuSeconds),
    of('first backup, CPU of the toolstack', 's', first.theirs),
    of('incremental, 5 % changed, wall', 's', next.wall, engine.next.wallSeconds),
    of('incremental, CPU of server and worker', 's', next.cpu, engine.next.cpuSeconds),
    of('incremental, CPU of the toolstack', 's', next.theirs),
    of('server, peak of resident memory (aim: 300)', 'MB', memory.own / 1e6),
    of('worker, peak of resident memory (aim: 350)', 'MB', memory.child / 1e6),
  ]
}

interface Images {
  readonly image: string
  readonly changed: string
  readonly changes: readonly Run[]
}

async function backUpAlone(
  scratch: string,
  { image, changed, changes }: Images,
): Promise<{ first: Measured; next: Measured }> {
  const repository = join(scratch, 'alone')
  const list = join(scratch, 'changes.json')
  await writeFile(list, JSON.stringify(changes.map(({ offset, length }) => ({ offset, length, kind: 'data' }))))
  const go = async (verb: string, ...args: string[]): Promise<Measured> =>
    await measure([process.execPath, alone, verb, repository, ...args], { env: { RESTIC_PASSWORD: password } })
  await go('init')
  const first = await go('backup', image)
  const next = await go('incremental', changed, list)
  await rm(repository, { recursive: true })
  return { first, next }
}

async function write({ pool }: Stack, order: WriteOrder): Promise<void> {
  const written = once(pool, 'message')
  const gone = once(pool, 'exit').then(() => Promise.reject(new Error('The toolstack ended')))
  pool.send(order)
  await Promise.race([written, gone])
}

/** A bench of backups that cannot be restored is worth nothing. */
async function restoredIsEqual(repository: string, image: string): Promise<void> {
  const env = { ...process.env, RESTIC_PASSWORD: password, RESTIC_REPOSITORY: repository }
  const script = `restic --no-cache dump latest "$(restic --no-cache ls latest | grep -m1 '\\.raw$')" | cmp - "$IMAGE"`
  await promisify(execFile)('bash', ['-c', `set -o pipefail; ${script}`], { env: { ...env, IMAGE: image } })
}

async function manyMachines(scratch: string, release: string): Promise<Figure[]> {
  const names = Array.from({ length: many }, (_, i) => i)
  const path = (i: number): string => join(scratch, `small-${i}.raw`)
  for (const i of names) await makeBenchImage(path(i), { size: eachSize, seed: 100 + i })
  // Names come from the seed: one pool tells them, another gets the images.
  const machines = await namesOf(scratch, release)
  const images = machines.slice(0, many).map((vm, i) => ({ vm, path: path(i) }))
  await using stack = await Stack.start(
    { vms: many * 2, dataDir: join(scratch, 'pool-many'), images },
    { release, state: join(scratch, 'state-many') },
  )
  await stack.allowNbd()
  const all = await stack.list<Machine>('/vms?limit=1000')
  const ids = images.flatMap(({ vm }) => all.find(({ name }) => name === vm)?.id ?? [])
  const [one, other] = [await stack.repository(join(scratch, 'r1')), await stack.repository(join(scratch, 'r2'))]
  const singles = await Promise.all(ids.map(async (id) => await stack.job(one, [id])))
  let after = 0
  for (const job of singles) after += await stack.run(job)
  const together = await stack.run(await stack.job(other, ids))
  return [of(`${ids.length} VMs in one job, against one after the other (aim: ratio 1)`, 's', together, after)]
}

async function namesOf(scratch: string, release: string): Promise<string[]> {
  await using stack = await Stack.start({ vms: many * 2, images: [] }, { release, state: join(scratch, 'state-names') })
  const disks = await stack.list<{ vms?: readonly string[] }>('/disks?limit=1000')
  const withDisk = new Set(disks.flatMap(({ vms = [] }) => vms))
  const machines = await stack.list<Machine>('/vms?limit=1000')
  const found = machines.filter(({ id }) => withDisk.size === 0 || withDisk.has(id)).map(({ name }) => name)
  return found.filter((name) => found.indexOf(name) === found.lastIndexOf(name))
}

async function planning(scratch: string, release: string): Promise<Figure[]> {
  await using stack = await Stack.start({ vms: planned, images: [] }, { release, state: join(scratch, 'state-plan') })
  const repository = await stack.repository(join(scratch, 'r3'))
  const work = { kind: 'backup', repositories: [repository] }
  const job = {
    name: 'all',
    work,
    selection: { q: 'not tag:never' },
    schedules: [{ name: 'nightly', cron: '0 2 * * *' }],
  }
  const took: number[] = []
  const rounds = 12
  let found = 0
  const before = cpuOf(stack.server.pid)
  for (let i = 0; i < rounds; i++) {
    const begun = performance.now()
    const { items } = await stack.call<{ items: readonly object[] }>('POST', '/jobs/preview', job)
    took.push(performance.now() - begun)
    found = items.length
  }
  const cpu = ((cpuOf(stack.server.pid) - before) * 1000) / rounds
  return [
    of(`preview of a job over ${found} VMs (aim: 200)`, 'ms', median(took)),
    of('the same, CPU of the server, mean', 'ms', cpu),
  ]
}

async function points(): Promise<Figure[]> {
  const script = fileURLToPath(new URL('points.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [script])
  // Printed by points.ts.
  const { p50, cpu, worstCpu, memory } = JSON.parse(stdout) as Record<'p50' | 'cpu' | 'worstCpu' | 'memory', number>
  return [
    of('filtered list of 100,000 restore points, p50 (aim: 50)', 'ms', p50),
    of('the same, CPU, p50', 'ms', cpu),
    of('the same, CPU, most of 55', 'ms', worstCpu),
    of('memory of 100,000 restore points (records included)', 'MB', memory / 1e6),
  ]
}
