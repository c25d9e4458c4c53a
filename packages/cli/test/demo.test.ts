import { spawn } from 'node:child_process'
import { mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@nixen/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NixenContext } from '../src/context.ts'
import { demo, type DemoHooks } from '../src/demo/run.ts'
import { heldFile } from '../src/demo/scenario.ts'
import { main } from './run-nixen.ts'

// The first thing that people run: it must work as a program, leave nothing behind, and fail when a single byte is wrong.

let temporary: string
beforeAll(async () => {
  // Short, so that the path of the server's socket fits.
  temporary = await mkdtemp(join(tmpdir(), 'nd-'))
})
afterAll(async () => await rm(temporary, { recursive: true, force: true }))

interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `nixen demo` as a program; `onText` gets what it has written to standard error so far. */
function runDemo(
  args: readonly string[],
  onText: (text: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
) {
  return new Promise<Run>((resolve) => {
    const env = { ...process.env, TMPDIR: temporary, HOME: temporary }
    const child = spawn(process.execPath, [main, 'demo', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.on('close', (code) => resolve({ code, stdout, stderr }))
    child.stdout.on('data', (part: Buffer) => (stdout += part.toString()))
    child.stderr.on('data', (part: Buffer) => {
      stderr += part.toString()
      onText(stderr, (signal) => child.kill(signal))
    })
  })
}

async function flip(path: string, offset: number): Promise<void> {
  await using file = await open(path, 'r+')
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, offset)
  await file.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, offset)
}

/** The demonstration in this process with one VM. */
async function play(onStep: NonNullable<DemoHooks['onStep']>): Promise<void> {
  const ignore = { write: () => undefined }
  const context: NixenContext = {
    process: { stdout: ignore, stderr: ignore, env: {}, exitCode: null },
    signal: new AbortController().signal,
    clock: systemClock,
  }
  await demo(context, { once: true, json: false, local: false }, { machines: 1, onStep })
}

describe('nixen demo', { timeout: 300_000 }, () => {
  test('gives every byte back, tells its figures, and leaves nothing behind', async () => {
    const { code, stdout, stderr } = await runDemo(['--once', '--json'])
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    const told = JSON.parse(stdout)
    expect(told).toMatchObject({ identical: true, vms: 3, compared: { vm: 'web-prod-001', bytes: 256 * 1024 * 1024 } })
    // The operating system is on all three disks and stored once; what guests changed is all that is read again.
    expect(told.first.written).toBeLessThan(told.disks.data * 0.8)
    expect(told.incremental.read).toBeGreaterThanOrEqual(told.incremental.changed)
    expect(told.incremental.read).toBeLessThan(told.incremental.changed * 2)
    expect(told.checked.bytes).toBeGreaterThan(told.first.written * 0.9)
    expect(told.restic).toMatch(/^\d/)
    const steps = stderr.split('\n').filter((line) => line.includes('"type":"step"'))
    expect(steps).toHaveLength(9)
    expect(await readdir(temporary)).toEqual([])
  })

  test('ends cleanly when it is interrupted in the middle of a backup', async () => {
    let sent = false
    const { code } = await runDemo(['--json'], (text, kill) => {
      if (sent || !text.includes('"step":"job"')) return
      sent = true
      kill('SIGINT')
    })
    expect(code).toBe(130)
    expect(await readdir(temporary)).toEqual([])
  })

  test('fails when a single byte is another than the guest had', async () => {
    let looked = false
    const playing = play(async (step, folder = '') => {
      if (step !== 'restore') return
      await flip(join(folder, heldFile), 70 * 1024 * 1024 + 5)
      looked = true
    })
    await expect(playing).rejects.toMatchObject({ code: 'demo.differs', details: { offset: 70 * 1024 * 1024 + 5 } })
    expect(looked).toBe(true)
  })

  test.runIf(process.env['NIXEN_LONG_TESTS'])('fails when a byte of the repository flips', async () => {
    const playing = play(async (step, folder = '') => {
      if (step !== 'check') return
      const data = join(folder, 'repository', 'data')
      const file = (await readdir(data, { recursive: true })).find((name) => /[0-9a-f]{64}$/.test(name))
      await flip(join(data, file ?? ''), 1000)
    })
    await expect(playing).rejects.toMatchObject({ code: 'repository.damaged' })
  })
})
