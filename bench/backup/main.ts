import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { GiB } from '@nixen/core'
import { figure, median, type Figure } from '../figure.ts'
import { makeBenchImage, makeChangedCopy } from '../image.ts'
import { indexMiBPerTiB } from './index-memory.ts'
import { measure, type Measured } from './measure.ts'

const suite = 'backup'
const quick = process.env['NIXEN_BENCH_QUICK'] === '1'
const size = quick ? GiB : 8 * GiB
const rounds = Number(process.env['NIXEN_BENCH_ROUNDS'] ?? (quick ? 1 : 3))
const password = 'bench'
const ours = path.join(import.meta.dirname, 'ours.ts')

/**
 * Backups of one image by Nixen and by Debian's restic, side by side: each operation in a process of its own, CPU time of all threads and children, cold cache,
 * everything durable at the end. `NIXEN_BENCH_QUICK=1` takes 1 GiB and one round; `NIXEN_BENCH_DIR` is where the images go.
 */
export async function run(): Promise<Figure[]> {
  const directory = await mkdtemp(path.join(process.env['NIXEN_BENCH_DIR'] ?? tmpdir(), 'nixen-bench-'))
  try {
    return await runIn(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

type Side = Record<'backup' | 'incremental' | 'restore' | 'check', Measured[]>

async function runIn(directory: string): Promise<Figure[]> {
  const image = path.join(directory, 'disk.raw')
  const changed = path.join(directory, 'changed.raw')
  await makeBenchImage(image, { size, seed: 1 })
  const changes = await makeChangedCopy(changed, { from: image, fraction: 0.05, seed: 2 })
  const list = path.join(directory, 'changes.json')
  await writeFile(list, JSON.stringify(changes.map(({ offset, length }) => ({ offset, length, kind: 'data' }))))
  const nixen: Side = { backup: [], incremental: [], restore: [], check: [] }
  const restic: Side = { backup: [], incremental: [], restore: [], check: [] }
  const convert: Measured[] = []
  const floors: number[] = []
  for (let round = 0; round < rounds; round++) {
    await runNixen(nixen, { directory, image, changed, list })
    await runRestic(restic, { directory, image, changed })
    convert.push(await qemuConvert(directory, image))
    floors.push(Number(field(await measure([process.execPath, ours, 'floor', '-', image]), 'seconds')))
  }
  const changedBytes = changes.reduce((sum, { length }) => sum + length, 0)
  return [
    ...compare(nixen, restic),
    ...alone({ nixen, convert, floors, changedBytes }),
    ...(await pruneOneOfThirty(directory)),
  ]
}

interface Paths {
  readonly directory: string
  readonly image: string
  readonly changed: string
}

async function runNixen(side: Side, { directory, image, changed, list }: Paths & { list: string }): Promise<void> {
  const repository = path.join(directory, 'nixen')
  const target = path.join(directory, 'restored.raw')
  const run = (verb: string, ...args: string[]): Promise<Measured> =>
    measure([process.execPath, ours, verb, repository, ...args], { env: { RESTIC_PASSWORD: password } })
  await run('init')
  side.backup.push(await run('backup', image))
  side.restore.push(await run('restore', image, target))
  side.check.push(await run('check'))
  side.incremental.push(await run('incremental', changed, list))
  await rm(repository, { recursive: true })
  await rm(target)
}

async function runRestic(side: Side, { directory, image, changed }: Paths): Promise<void> {
  const repository = path.join(directory, 'restic')
  const target = path.join(directory, 'restored')
  await mkdir(target)
  const env = {
    RESTIC_PASSWORD: password,
    RESTIC_REPOSITORY: repository,
    RESTIC_CACHE_DIR: path.join(directory, 'cache'),
  }
  const run = (args: readonly string[], sync?: string): Promise<Measured> =>
    measure(['restic', '--quiet', ...args], { env, ...(sync === undefined ? {} : { sync }) })
  await run(['init'])
  side.backup.push(await run(['backup', image]))
  side.restore.push(await run(['restore', 'latest', '--target', target], target))
  side.check.push(await run(['check', '--read-data']))
  side.incremental.push(await run(['backup', '--force', changed]))
  for (const made of [repository, target, env.RESTIC_CACHE_DIR]) await rm(made, { recursive: true, force: true })
}

async function qemuConvert(directory: string, image: string): Promise<Measured> {
  const target = path.join(directory, 'disk.qcow2')
  const options = ['-O', 'qcow2', '-c', '-o', 'compression_type=zstd', '-m', '8', '-W']
  const measured = await measure(['qemu-img', 'convert', ...options, '-f', 'raw', image, target], { sync: directory })
  await rm(target)
  return measured
}

function compare(nixen: Side, restic: Side): Figure[] {
  const figures: Figure[] = []
  const names = {
    backup: 'first backup, encrypted',
    incremental: 'incremental with change list',
    restore: 'restore',
    check: 'check with all data',
  } as const
  for (const [key, name] of Object.entries(names)) {
    // The names above are the keys of a side.
    const [a, b] = [nixen[key as keyof Side], restic[key as keyof Side]]
    figures.push(figure(suite, `${name}, CPU`, 's', cpu(a), cpu(b)))
    figures.push(figure(suite, `${name}, wall`, 's', wall(a), wall(b)))
  }
  const throughput = (side: Side): number => size / 1e6 / wall(side.backup)
  figures.push(figure(suite, 'first backup, throughput', 'MB/s', throughput(nixen), throughput(restic)))
  return figures
}

function alone(input: { nixen: Side; convert: Measured[]; floors: number[]; changedBytes: number }): Figure[] {
  const { nixen, convert, floors, changedBytes } = input
  const peak = (runs: readonly Measured[]): number => median(runs.map((run) => Number(field(run, 'peakKiB')) / 1024))
  const stored = median(nixen.incremental.map((run) => Number(field(run, 'storedBytes'))))
  return [
    figure(suite, 'first backup, CPU, against qemu-img convert -c (zstd)', 's', cpu(nixen.backup), cpu(convert)),
    figure(suite, 'first backup, wall, against qemu-img convert -c (zstd)', 's', wall(nixen.backup), wall(convert)),
    figure(suite, 'share of the zstd + SHA-256 + sealing floor', '%', (100 * median(floors)) / cpu(nixen.backup)),
    figure(suite, 'incremental, bytes written against bytes changed', 'MB', stored / 1e6, changedBytes / 1e6),
    figure(suite, 'first backup, peak memory with 2 workers', 'MiB', peak(nixen.backup)),
    figure(suite, 'restore, peak memory with 2 workers', 'MiB', peak(nixen.restore)),
    figure(suite, 'index memory per TiB of unique data', 'MiB', indexMiBPerTiB()),
  ]
}

/** Forget and prune 1 of 30 daily restore points of a virtual disk of 1 TiB with a few GiB in it; the content list is that of the whole TiB. */
async function pruneOneOfThirty(directory: string): Promise<Figure[]> {
  const repository = path.join(directory, 'daily')
  const allocatedMiB = quick ? 512 : 4096
  const daily = path.join(import.meta.dirname, 'daily.ts')
  const measured = await measure([process.execPath, daily, repository, String(allocatedMiB)])
  await rm(repository, { recursive: true })
  const name = 'forget and prune 1 of 30 daily points of 1 TiB'
  return [
    figure(suite, `${name}, wall`, 's', Number(field(measured, 'seconds'))),
    figure(suite, `${name}, CPU`, 's', Number(field(measured, 'cpuSeconds'))),
    figure(suite, `${name}, packs removed or rewritten`, 'packs', touched(measured)),
  ]
}

function touched(measured: Measured): number {
  return Number(field(measured, 'removed')) + Number(field(measured, 'repacked'))
}

function cpu(runs: readonly Measured[]): number {
  return median(runs.map(({ cpuSeconds }) => cpuSeconds))
}

function wall(runs: readonly Measured[]): number {
  return median(runs.map(({ wallSeconds }) => wallSeconds))
}

function field({ stdout }: Measured, name: string): unknown {
  // Printed by ours.ts.
  return (JSON.parse(stdout) as Record<string, unknown>)[name]
}
