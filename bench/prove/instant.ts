import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { backupDisks, LocalStorage, Repository } from '@nixen/backup'
import { MiB, seededRandom, silentLog } from '@nixen/core'
import { openDisk, openNbd } from '@nixen/disk'
import { WorkerPool } from '../../packages/server/src/worker/worker-pool.ts'
import { figure, median, type Figure } from '../figure.ts'
import { makeBenchImage, type Run } from '../image.ts'

const quick = process.env['NIXEN_BENCH_QUICK'] === '1'
const size = (quick ? 512 : 2048) * MiB
const reads = quick ? 300 : 1000
const password = 'bench'
const of = (name: string, unit: string, ours: number): Figure => figure('prove', name, unit, ours)

/** A restore point as an NBD export of a worker process with an overlay: when it is there, how fast it is read at random, and from front to back. */
export async function instant(scratch: string): Promise<Figure[]> {
  const image = join(scratch, 'disk.raw')
  const runs = await makeBenchImage(image, { size, seed: 12 })
  const location = join(scratch, 'repository')
  const repository = await Repository.init(new LocalStorage(location), { password })
  {
    await using source = await openDisk(image, { format: 'raw' })
    await backupDisks(repository, { host: 'bench', vm: {}, disks: [{ name: 'disk', source, rawFile: image }] })
  }
  const [{ name: snapshot } = { name: '' }] = await Array.fromAsync(repository.storage.list('snapshot'))
  await using pool = new WorkerPool({ log: silentLog })
  const stop = new AbortController()
  const listening = Promise.withResolvers<void>()
  const socketPath = join(scratch, 'nbd')
  const disk = { path: '/disk-disk.raw', name: 'disk', overlay: join(scratch, 'disk.overlay') }
  const place = { key: 'bench', name: 'bench', access: { location, password } }
  const asked = performance.now()
  const serving = pool
    .run(
      'export',
      place,
      { snapshot, disks: [disk], listen: { socketPath } },
      { signal: stop.signal, items: () => listening.resolve() },
    )
    .catch((error: unknown) => listening.reject(error))
  await listening.promise
  const there = performance.now() - asked
  try {
    const first = await firstRead(socketPath, runs)
    const { p50, p99 } = await randomReads(socketPath, runs)
    const rate = await copyAll(socketPath, runs)
    return [
      of('export of a restore point listens, process and key derivation included', 's', there / 1000),
      of('NBD export: connect and first 4 KiB', 'ms', first),
      of(`NBD export: random 4 KiB reads of data, p50 of ${reads}`, 'ms', p50),
      of('the same, p99', 'ms', p99),
      of('NBD export: nbdcopy of all of it to nowhere, plain bytes', 'MB/s', rate),
    ]
  } finally {
    stop.abort()
    await serving
  }
}

const dataRuns = (runs: readonly Run[]): readonly Run[] => runs.filter(({ kind }) => kind !== 'hole')

/** A new client each time; nothing of the place was read before. The middle of five. */
async function firstRead(socketPath: string, runs: readonly Run[]): Promise<number> {
  const times: number[] = []
  const data = dataRuns(runs)
  for (let at = 0; at < 5; at++) {
    const run = data[Math.floor((data.length * at) / 5)]
    const start = performance.now()
    await using client = await openNbd({ socketPath, exportName: 'disk', connections: 1 })
    await client.read(run?.offset ?? 0, new Uint8Array(4096))
    times.push(performance.now() - start)
  }
  return median(times)
}

async function randomReads(socketPath: string, runs: readonly Run[]): Promise<{ p50: number; p99: number }> {
  const random = seededRandom(5)
  const data = dataRuns(runs)
  const times: number[] = []
  await using client = await openNbd({ socketPath, exportName: 'disk', connections: 1 })
  for (let at = 0; at < reads; at++) {
    const run = data[Math.floor(random() * data.length)]
    if (!run) continue
    const offset = run.offset + Math.floor((random() * run.length) / 4096) * 4096
    const start = performance.now()
    await client.read(offset, new Uint8Array(4096))
    times.push(performance.now() - start)
  }
  const sorted = times.toSorted((a, b) => a - b)
  return { p50: median(times), p99: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN }
}

async function copyAll(socketPath: string, runs: readonly Run[]): Promise<number> {
  const bytes = dataRuns(runs).reduce((sum, { length }) => sum + length, 0)
  const start = performance.now()
  await promisify(execFile)('nbdcopy', [`nbd+unix:///disk?socket=${socketPath}`, 'null:'])
  return bytes / 1e6 / ((performance.now() - start) / 1000)
}
