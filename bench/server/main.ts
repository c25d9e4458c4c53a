import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { bundle } from '../../scripts/bundle.ts'
import { figure, median, type Figure } from '../figure.ts'
import { flood, listen, load, quantile } from './load.ts'
import { peerNote, xenOrchestra as peer } from './peer.ts'
import type { Order } from './pool.ts'
import { Release } from './release.ts'

const quick = process.env['NIXEN_BENCH_QUICK'] === '1'
const vms = quick ? 1000 : 10_000
const seconds = quick ? 2 : 10
const rate = 200
/** For questions of which each looks at all objects. */
const slowRate = 50

/** Lists that a dashboard or a script asks for again and again. */
const usual = ['prod', 'dev', 'test', 'database'].flatMap((tag) =>
  ['-memory,name', 'name', '-diskSize'].map((sort) => listPath(`power:running tag:${tag}`, sort)),
)
/** Lists of which none is asked for twice. */
const others = Array.from({ length: slowRate * (seconds + 2) }, (_, i) =>
  listPath(`power:running memory:>${i}MiB`, '-memory,name'),
)

function listPath(query: string, sort: string): string {
  return `vms?q=${encodeURIComponent(query)}&sort=${sort}&limit=100`
}

interface PoolInfo {
  readonly url: string
  readonly fingerprint: string
  readonly machines: number
  readonly records: number
}

/** The release bundle with a pool of 10,000 VMs that is a process of its own: start, connect, memory, lists, events, rest. */
export async function run(): Promise<Figure[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'nixen-bench-'))
  try {
    const folder = process.env['NIXEN_BENCH_RELEASE'] ?? join(scratch, 'release')
    if (!existsSync(folder)) await bundle(folder)
    return [...(await startFigures(folder, scratch)), ...(await connectedFigures(folder, scratch))]
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

const of = (name: string, unit: string, ours: number, theirs?: number): Figure => ({
  ...figure('server', name, unit, ours, quick ? undefined : theirs),
  ...(theirs === undefined || quick ? {} : { note: peerNote }),
})

/** Without a probe, so that nothing of the measuring is in it. */
async function startFigures(folder: string, scratch: string): Promise<Figure[]> {
  const state = join(scratch, 'idle')
  const times: number[] = []
  const memory: number[] = []
  for (let i = 0; i < (quick ? 2 : 6); i++) {
    await using server = await Release.start(folder, { state, probe: false })
    times.push(server.started)
    await setTimeout(4000)
    memory.push(residentBytes(server.pid))
  }
  const [first = Number.NaN, ...later] = times
  return [
    of('cold start to first answer', 's', median(later), peer.startSeconds),
    of('first start of all: new state, nothing compiled', 's', first),
    of('idle memory (RSS), nothing connected', 'MB', median(memory) / 1e6, peer.idleMemoryMB),
  ]
}

function residentBytes(pid: number): number {
  return 1024 * Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

async function connectedFigures(folder: string, scratch: string): Promise<Figure[]> {
  const pool = fork(fileURLToPath(new URL('pool.ts', import.meta.url)), [String(vms)])
  try {
    // What the script sends.
    const [info] = (await once(pool, 'message')) as [PoolInfo]
    await using server = await Release.start(folder, { state: join(scratch, 'connected'), probe: true })
    return [
      ...(await connectFigures(server, info)),
      ...(await readFigures(server)),
      ...(await eventFigures(server, pool)),
    ]
  } finally {
    const ended = once(pool, 'exit')
    pool.disconnect()
    await ended
  }
}

async function connectFigures(server: Release, { url, fingerprint, machines, records }: PoolInfo): Promise<Figure[]> {
  const { retained: before } = await server.probe('memory')
  const stop = new AbortController()
  const connected = Promise.withResolvers<void>()
  // The state goes to connected when the inventory is complete.
  await listen(`${server.url}api/v1/inventory/events?types=connection`, {
    headers: server.headers,
    signal: stop.signal,
    onData: (_, data) => data.includes('"state":"connected"') && connected.resolve(),
  })
  let elapsed = 0
  const cpu = await server.cpuOf(async () => {
    const started = performance.now()
    await server.call('POST', '/connections', { kind: 'xapi', address: url, password: 'nixen', fingerprint })
    await connected.promise
    elapsed = (performance.now() - started) / 1000
    // What is put off until later belongs to it.
    await setTimeout(1000)
  })
  stop.abort()
  const { total } = (await server.call('GET', '/vms?limit=1')) as { total: number }
  if (total !== machines) throw new Error(`${total} of ${machines} VMs are there`)
  const { retained } = await server.probe('memory')
  return [
    of(`connect to complete inventory, ${vms} VMs, ${records} records`, 's', elapsed, peer.connectSeconds),
    of('connect, CPU', 's', cpu, peer.connectCpuSeconds),
    of('heap and external, after a collection', 'KiB/VM', (retained - before) / 1024 / vms, peer.heapKiBPerVm),
    of('resident memory with the pool connected', 'MB', residentBytes(server.pid) / 1e6),
  ]
}

async function readFigures(server: Release): Promise<Figure[]> {
  const { headers } = server
  const root = `${server.url}api/v1/`
  const { items } = (await server.call('GET', '/vms?limit=500')) as { items: { id: string }[] }
  const lists = `filtered, sorted list, 100 of ${vms}`
  const cases = [
    [`${lists}, 12 lists in turn`, usual.map((path) => root + path), rate, peer.listCpuMs, peer.listP99Ms],
    [`${lists}, each list another`, others.map((path) => root + path), slowRate, undefined, undefined],
    ['one object', items.map(({ id }) => `${root}vms/${id}`), rate, peer.oneCpuMs, undefined],
  ] as const
  const figures: Figure[] = []
  for (const [label, urls, each, theirCpu, theirP99] of cases) {
    const warm = each * 2
    await load(urls.slice(0, warm), { rate: each, seconds: 2, headers })
    let delays: readonly number[] = []
    const rest = urls.length > warm ? urls.slice(warm) : urls
    const cpu = await server.cpuOf(async () => (delays = await load(rest, { rate: each, seconds, headers })))
    figures.push(
      of(`${label}, CPU`, 'ms', (cpu * 1000) / delays.length, theirCpu),
      of(`${label}, p50 at ${each}/s`, 'ms', quantile(delays, 0.5)),
      of(`${label}, p99 at ${each}/s`, 'ms', quantile(delays, 0.99), theirP99),
    )
  }
  // At a fixed rate an idle processor sleeps between two requests, and each pays for waking it.
  const objects = items.map(({ id }) => `${root}vms/${id}`)
  let answered = 0
  const cpu = await server.cpuOf(async () => (answered = await flood(objects, { at: 8, seconds, headers })))
  figures.push(of('one object, without a pause over 8 connections, CPU', 'ms', (cpu * 1000) / answered))
  return figures
}

async function eventFigures(server: Release, pool: ChildProcess): Promise<Figure[]> {
  const stop = new AbortController()
  const { retained: before } = await server.probe('memory')
  const snapshot = (await server.call('GET', '/inventory')) as { view: string; seq: number }
  const reader = new Reader()
  await listen(`${server.url}api/v1/inventory/events?since=${snapshot.view}.${snapshot.seq}`, {
    headers: server.headers,
    signal: stop.signal,
    onData: (_, data) => reader.take(data),
  })
  try {
    const view = (await server.probe('memory')).retained - before
    const delays: number[] = []
    for (let i = 0; i < 30; i++) {
      await setTimeout(100 + (i % 7) * 20)
      delays.push(await change(pool, reader, { change: 1, mark: `one-${i}` }))
    }
    const bursts: number[] = []
    const burstCpu: number[] = []
    for (let i = 0; i < 5; i++) {
      await setTimeout(1000)
      const order = { change: 1000, mark: `burst-${i}` }
      burstCpu.push(await server.cpuOf(async () => bursts.push(await change(pool, reader, order))))
    }
    await setTimeout(3000)
    const rest = 10
    const idle = await server.cpuOf(() => setTimeout(rest * 1000))
    return [
      of('memory of a view with a client', 'KiB/VM', view / 1024 / vms),
      of('change at the host to an event at the client, p50', 'ms', median(delays), peer.eventP50Ms),
      of('change at the host to an event at the client, longest of 30', 'ms', Math.max(...delays)),
      of('1,000 changes at once, to the last event', 's', median(bursts) / 1000, peer.burstSeconds),
      of('1,000 changes at once, CPU', 's', median(burstCpu), peer.burstCpuSeconds),
      of('CPU at rest, pool and a client connected', 'ms/s', (idle * 1000) / rest, peer.idleCpuMsPerSecond),
    ]
  } finally {
    stop.abort()
  }
}

/** Counts deltas that carry a mark. */
class Reader {
  #mark = ''
  #left = 0
  #resolve: (at: number) => void = () => undefined

  /** When the last of `count` deltas with the mark has come, by the clock that processes share. */
  expect({ mark, change: count }: Order): Promise<number> {
    this.#mark = `changed ${mark}"`
    this.#left = count
    const { promise, resolve } = Promise.withResolvers<number>()
    this.#resolve = resolve
    return promise
  }

  take(data: string): void {
    if (this.#left === 0) return
    this.#left -= data.split(this.#mark).length - 1
    if (this.#left <= 0) this.#resolve(performance.timeOrigin + performance.now())
  }
}

/** Milliseconds from the changes to the last of their events. */
async function change(pool: ChildProcess, reader: Reader, order: Order): Promise<number> {
  const arrived = reader.expect(order)
  const changed = once(pool, 'message') as Promise<[{ at: number }]>
  pool.send(order)
  return (await arrived) - (await changed)[0].at
}
