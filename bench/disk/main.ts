// Converts the sparse image that the suites share, and compares with qemu-img convert of the same formats in the same run.
import { spawn } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GiB } from '@nixen/core'
import { figure, median, type Figure } from '../figure.ts'
import { makeBenchImage } from '../image.ts'

const quick = process.env['NIXEN_BENCH_QUICK'] === '1'
const size = quick ? GiB : 8 * GiB
const rounds = 3

interface Conversion {
  readonly from: Name
  readonly to: Name
  /** The same choice for both programs. */
  readonly compression?: 'zstd'
}

type Name = 'raw' | 'vhd' | 'qcow2'

const conversions: readonly Conversion[] = [
  { from: 'raw', to: 'vhd' },
  { from: 'vhd', to: 'raw' },
  { from: 'raw', to: 'qcow2' },
  { from: 'qcow2', to: 'raw' },
  { from: 'raw', to: 'qcow2', compression: 'zstd' },
]

const qemuNames: Readonly<Record<Name, string>> = { raw: 'raw', vhd: 'vpc', qcow2: 'qcow2' }

/** What one run took, in seconds. */
interface Cost {
  readonly wall: number
  readonly cpu: number
}

/**
 * Both programs start as new processes and end with the target durable: ours makes it so itself; qemu-img (default cache modes, 8
 * coroutines) is followed by fsync of its file, which counts as wall time. Sources are the same files for both, and in the page cache as
 * far as memory goes. Rounds alternate between the programs. Takes about 25 GiB of space under the system's directory for temporary files
 * (`TMPDIR`) for the 8 GiB image.
 */
export async function run(): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'nixen-bench-disk-'))
  try {
    await makeBenchImage(join(directory, 'source.raw'), { size, seed: 1 })
    for (const name of ['vhd', 'qcow2'] as const) {
      const options = name === 'vhd' ? ['-o', 'force_size'] : []
      await execute('qemu-img', [
        'convert',
        '-f',
        'raw',
        '-O',
        qemuNames[name],
        ...options,
        join(directory, 'source.raw'),
        join(directory, `source.${name}`),
      ])
      await sync(join(directory, `source.${name}`))
    }
    const figures: Figure[] = []
    for (const conversion of conversions) {
      const found = await compare(directory, conversion)
      figures.push(...found)
      // The whole suite takes minutes; standard output belongs to the runner.
      for (const { figure: name, ours, peer } of found)
        console.error(`${name}: ${ours.toFixed(2)} s, qemu-img ${peer?.toFixed(2)} s`)
    }
    return figures
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function compare(directory: string, conversion: Conversion): Promise<Figure[]> {
  const source = join(directory, `source.${conversion.from}`)
  const ours: Cost[] = []
  const peers: Cost[] = []
  for (let round = 0; round < rounds; round++) {
    ours.push(await measure(join(directory, 'ours'), (target) => runOurs(source, target, conversion)))
    peers.push(await measure(join(directory, 'peer'), (target) => runPeer(source, target, conversion)))
  }
  const name = `${conversion.from} → ${conversion.to}${conversion.compression ? ` (${conversion.compression})` : ''}, ${size / GiB} GiB`
  return (['wall', 'cpu'] as const).map((kind) =>
    figure(
      'disk',
      `${name}, ${kind === 'wall' ? 'time' : 'CPU'}`,
      's',
      median(ours.map((cost) => cost[kind])),
      median(peers.map((cost) => cost[kind])),
    ),
  )
}

async function measure(target: string, work: (target: string) => Promise<number>): Promise<Cost> {
  await rm(target, { force: true })
  const start = performance.now()
  const cpu = await work(target)
  const wall = (performance.now() - start) / 1000
  await rm(target)
  return { wall, cpu }
}

async function runOurs(source: string, target: string, { from, to, compression }: Conversion): Promise<number> {
  const child = fileURLToPath(new URL('convert-child.ts', import.meta.url))
  const settings = compression ? { compression } : {}
  return await execute(process.execPath, [child, JSON.stringify({ source, target, from, to, settings })])
}

async function runPeer(source: string, target: string, { from, to, compression }: Conversion): Promise<number> {
  const options = compression ? ['-c', '-o', `compression_type=${compression}`] : []
  const cpu = await execute('qemu-img', [
    'convert',
    '-f',
    qemuNames[from],
    '-O',
    qemuNames[to],
    ...options,
    source,
    target,
  ])
  await sync(target)
  return cpu
}

async function sync(path: string): Promise<void> {
  await using file = await open(path, 'r+')
  await file.sync()
}

/** Runs a program; its CPU seconds (user and system), as the shell's `times` counts them. */
async function execute(program: string, args: readonly string[]): Promise<number> {
  const script = '"$@" >&2 && times'
  const child = spawn('bash', ['-c', script, 'bash', program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (code !== 0) throw new Error(`${program} ended with ${code}`)
  // The second line is of the children: "0m1.234s 0m0.567s".
  const [, children = ''] = output.trim().split('\n')
  return [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  )
}
