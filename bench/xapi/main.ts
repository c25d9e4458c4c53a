import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { figure, median, type Figure } from '../figure.ts'
import type { Measurement } from './measure.ts'

const quick = process.env['NIXEN_BENCH_QUICK'] === '1'
const vms = quick ? 1000 : 10_000
const runs = quick ? 1 : 3

/**
 * From nothing to all objects of a pool in memory, beside npm `xen-api`, against one scripted server. Each run of each client is a process of its
 * own, and the two take turns, so that what else the machine does hits both.
 */
export async function run(): Promise<Figure[]> {
  const server = start('server.ts', [String(vms)])
  try {
    const { url, fingerprint } = JSON.parse(await firstLine(server)) as { url: string; fingerprint: string }
    const ours: Measurement[] = []
    const peer: Measurement[] = []
    for (let i = 0; i < runs; i++) {
      ours.push(await client('client-nixen.ts', [url, fingerprint]))
      peer.push(await client('client-xen-api.ts', [url]))
    }
    return figures(ours, peer)
  } finally {
    server.stdin?.end()
    await once(server, 'close')
  }
}

function figures(ours: readonly Measurement[], peer: readonly Measurement[]): Figure[] {
  const of = (name: string, unit: string, value: (one: Measurement) => number): Figure =>
    figure('xapi', name, unit, median(ours.map(value)), median(peer.map(value)))
  return [
    of(`connect to all objects, ${vms} VMs`, 's', ({ seconds }) => seconds),
    of('CPU', 's', ({ cpuSeconds }) => cpuSeconds),
    of('retained memory', 'KiB/VM', ({ retainedBytes }) => retainedBytes / 1024 / vms),
    of('longest event-loop block', 'ms', ({ longestBlock }) => longestBlock),
    of('objects', '1', ({ objects }) => objects),
  ]
}

async function client(file: string, args: readonly string[]): Promise<Measurement> {
  const child = start(file, args)
  const closed = once(child, 'close')
  const line = await firstLine(child)
  await closed
  return JSON.parse(line) as Measurement
}

function start(file: string, args: readonly string[]): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url))
  return spawn(process.execPath, ['--expose-gc', path, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: undefined },
  })
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new TypeError('the child has no output')
  for await (const line of createInterface({ input: child.stdout })) return line
  throw new Error(`${child.spawnfile} ended without a word`)
}
