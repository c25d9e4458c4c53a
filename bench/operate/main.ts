import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { bundle } from '../../scripts/bundle.ts'
import { figure, median, type Figure } from '../figure.ts'
import { load, quantile } from '../server/load.ts'
import { Release } from '../server/release.ts'
import { streamFigures } from './streams.ts'

const quick = process.env['NIXEN_BENCH_QUICK'] === '1'
/** VMs that one bulk action starts. */
const batch = quick ? 50 : 200
const rounds = quick ? 1 : 3

interface Bulk {
  readonly task: string
  readonly allowed: number
}
interface Seen {
  readonly finished?: number
  readonly state: string
}

/**
 * The release bundle operating a pool that is a process of its own: one bulk action on 200 VMs and what others notice of it; disks that stream
 * through the server.
 */
export async function run(): Promise<Figure[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'nixen-bench-'))
  try {
    const folder = process.env['NIXEN_BENCH_RELEASE'] ?? join(scratch, 'release')
    if (!existsSync(folder)) await bundle(folder)
    return [
      ...(await bulkAlone(folder, scratch)),
      ...(await streamFigures(folder, scratch, (quick ? 256 : 1024) * 1024 * 1024)),
    ]
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function bulkAlone(folder: string, scratch: string): Promise<Figure[]> {
  let figures: Figure[]
  const pool = fork(fileURLToPath(new URL('../server/pool.ts', import.meta.url)), ['1000'])
  try {
    // What the script sends.
    const [{ url: address, fingerprint }] = (await once(pool, 'message')) as [{ url: string; fingerprint: string }]
    await using server = await Release.start(folder, { state: join(scratch, 'state'), probe: true })
    await server.call('POST', '/connections', { kind: 'xapi', address, password: 'nixen', fingerprint })
    await settled(server)
    figures = await bulkFigures(server)
  } finally {
    const ended = once(pool, 'exit')
    pool.disconnect()
    await ended
  }
  return figures
}

async function bulkFigures(server: Release): Promise<Figure[]> {
  const asked: number[] = []
  const each: number[] = []
  const others: number[] = []
  const all: number[] = []
  for (let round = 0; round < rounds; round++) {
    await ended(server, await bulk(server, 'vm.hardShutdown', 'power:running'))
    await setTimeout(1500)
    const { items } = (await server.call('GET', `/vms?q=power:halted&limit=${batch}`)) as { items: { id: string }[] }
    const ids = items.map(({ id }) => id)
    const busy = new AbortController()
    // Somebody looks at things meanwhile.
    const looking = (async () => {
      while (!busy.signal.aborted)
        others.push(
          ...(await load([`${server.url}api/v1/vms/${ids[0] ?? ''}`], {
            rate: 50,
            seconds: 0.5,
            headers: server.headers,
          })),
        )
    })()
    const begun = performance.now()
    const cpu = await server.cpuOf(async () => {
      const { task } = (await server.call('POST', '/bulk', { action: 'vm.start', ids })) as Bulk
      asked.push(performance.now() - begun)
      await ended(server, task)
    })
    all.push((performance.now() - begun) / 1000)
    each.push((cpu * 1000) / ids.length)
    busy.abort()
    await looking
  }
  const of = (name: string, unit: string, ours: number): Figure => figure('operate', name, unit, ours)
  return [
    of(`one bulk action starts ${batch} VMs, the request itself`, 'ms', median(asked)),
    of('the same, until all run', 's', median(all)),
    of('the same, CPU for each VM (50 other requests a second included)', 'ms', median(each)),
    of('requests of others meanwhile, p50', 'ms', quantile(others, 0.5)),
    of('requests of others meanwhile, p99', 'ms', quantile(others, 0.99)),
  ]
}

async function bulk(server: Release, action: string, q: string): Promise<string | undefined> {
  const { task } = (await server.call('POST', '/bulk', { action, q })) as Partial<Bulk>
  return task
}

async function ended(server: Release, task: string | undefined): Promise<void> {
  if (task === undefined) return
  for (;;) {
    const { finished, state } = (await server.call('GET', `/tasks/${task}`)) as Seen
    if (finished !== undefined) {
      if (state !== 'succeeded') throw new Error(`The bulk action ${state}`)
      return
    }
    await setTimeout(50)
  }
}

/** Waits until the inventory is complete. */
async function settled(server: Release): Promise<void> {
  for (;;) {
    const { items } = (await server.call('GET', '/connections')) as { items: { state: string }[] }
    if (items[0]?.state === 'connected') return
    await setTimeout(100)
  }
}
