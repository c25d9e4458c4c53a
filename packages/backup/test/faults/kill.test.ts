import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { seededRandom } from '@nixen/core'
import { restic } from '@nixen/testkit/restic'
import { makeRepository, openRepository } from '@nixen/testkit/restic-fixture'
import { afterAll, expect, test } from 'vitest'
import { listSnapshots, LocalStorage } from '../../src/index.ts'
import { faultsOf, operate, operations, type Operation } from './example.ts'

// kill -9 at random moments. NIXEN_FAULTS says how many; NIXEN_SEED repeats a run.

const campaign = process.env['NIXEN_FAULTS']
const kills = Number(campaign ?? 8)
const seed = Number(process.env['NIXEN_SEED'] ?? (campaign === undefined ? 20_261_121 : Date.now() % 1_000_000))
const random = seededRandom(seed)

const root = await mkdtemp(path.join(tmpdir(), 'nixen-kill-'))
const directory = path.join(root, 'repository')
const mirrorDirectory = path.join(root, 'mirror')
afterAll(() => rm(root, { recursive: true, force: true }))

/** Runs an operation in a process of its own and kills it `delay` milliseconds after it began; whether it was done before. */
function runAndKill(operation: Operation, day: number, delay: number): Promise<{ done: boolean; took: number }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [
      path.join(import.meta.dirname, 'child.ts'),
      operation,
      directory,
      mirrorDirectory,
      String(day),
    ])
    let output = ''
    let errors = ''
    let began = 0
    let timer: NodeJS.Timeout | undefined
    child.stdout.on('data', (text: Buffer) => {
      output += text.toString()
      if (began > 0 || !output.includes('ready')) return
      began = performance.now()
      timer = setTimeout(() => child.kill('SIGKILL'), delay)
    })
    child.stderr.on('data', (text: Buffer) => (errors += text.toString()))
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      if (signal !== 'SIGKILL' && code !== 0) reject(new Error(`${operation} failed by itself: ${errors}`))
      else resolve({ done: output.includes('done'), took: performance.now() - began })
    })
  })
}

async function daysIn(storage: LocalStorage): Promise<number[]> {
  const points = await listSnapshots(await openRepository(storage))
  return points.map(({ time }) => Math.round((time - Date.UTC(2026, 0, 1)) / 86_400_000))
}

async function expectWhole(place: string, must: readonly number[]): Promise<void> {
  expect(await faultsOf(new LocalStorage(place), must)).toEqual([])
  const check = await restic(place, ['check', '--read-data', '--no-lock'])
  expect(check.stdout + check.stderr).toContain('no errors were found')
}

test(
  `loses nothing when killed ${kills} times at random moments (seed ${seed})`,
  async () => {
    const storage = new LocalStorage(directory)
    const mirrorStorage = new LocalStorage(mirrorDirectory)
    await makeRepository(mirrorStorage)
    const repository = await makeRepository(storage)
    for (const day of [1, 2, 3]) await operate('backup', { repository }, day)
    // How long each takes when it is left alone; a first guess, corrected by those that get done. Nothing happens in the last part of it.
    const durations: Record<Operation, number> = { backup: 600, forget: 200, prune: 300, copy: 600 }
    const killed = new Map<string, number>()
    let day = 3
    for (let i = 0; i < kills; i++) {
      const operation = operations[i % operations.length] ?? 'backup'
      if (operation === 'backup') day++
      const before = await daysIn(storage)
      const mirrored = await daysIn(mirrorStorage)
      const { done, took } = await runAndKill(operation, day, random() * durations[operation])
      if (done) durations[operation] = took * 0.7
      else killed.set(operation, (killed.get(operation) ?? 0) + 1)
      // Forgetting may have removed all but the newest three.
      const must = operation === 'forget' ? before.toSorted((a, b) => a - b).slice(-3) : before
      await expectWhole(directory, must)
      if (operation === 'copy') await expectWhole(mirrorDirectory, mirrored)
      // The next run needs no help: the lock of the process that died does not count.
      const [again, mirror] = [await openRepository(storage), await openRepository(mirrorStorage)]
      await operate(operation, { repository: again, mirror }, day)
      expect(await faultsOf(storage, operation === 'backup' ? [day] : [])).toEqual([])
      const copied = operation === 'copy' ? await daysIn(mirrorStorage) : []
      expect(copied).toEqual(expect.arrayContaining(operation === 'copy' ? await daysIn(storage) : []))
    }
    // A run in which every process got done in time proves nothing.
    expect([...killed.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(kills / 4)
  },
  60_000 + kills * 10_000,
)
