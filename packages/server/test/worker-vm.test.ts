import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MiB, silentLog } from '@nixen/core'
import type { FrozenVm } from '@nixen/providers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { specOf } from '../../providers/test/connect.ts'
import { noise, protectWorld, type World } from '../../providers/test/protect-world.ts'
import type { BackupInput, BackupOutput } from '../src/worker/operations/backup.ts'
import { WorkerPool, type Place } from '../src/worker/worker-pool.ts'

let world: World
let folder = ''
let pool: WorkerPool
let place: Place
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixen-worker-vm-'))
  world = await protectWorld()
  pool = new WorkerPool({ log: silentLog })
  place = { key: 'nas', name: 'nas', access: { location: join(folder, 'repository'), password: 'x' } }
  await pool.run('create', place, {})
}, 120_000)
afterAll(async () => {
  await pool[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
}, 120_000)

/** The disks of a frozen VM as the worker reads them; with the point before, what has changed since. */
function disksOf(frozen: FrozenVm, before?: { frozen: FrozenVm; output: BackupOutput }): BackupInput['disks'] {
  return frozen.disks.map(({ key }) => {
    const since = before?.frozen.disks.find((disk) => disk.key === key)?.token
    const source = { kind: 'frozen', connection: specOf(world.toolstack), frozen, disk: key, since } as const
    return { name: key, source, ...(before ? { changed: { parent: before.output.point.snapshot }, samples: 16 } : {}) }
  })
}

async function backUp(before?: { frozen: FrozenVm; output: BackupOutput }) {
  const { protect } = world.session
  const frozen = await protect.freeze(world.vmId, { owner: 'job1', journal: world.journal })
  const output = await pool.run('backup', place, {
    name: frozen.config.name,
    path: `/vm/${frozen.config.lineage}`,
    vm: frozen,
    disks: disksOf(frozen, before),
    threads: 1,
  })
  const drop = before?.frozen.disks.map(({ token }) => token) ?? []
  await protect.keep(frozen, { data: 'purge', drop })
  return { frozen, output }
}

test(
  'a worker with a session of its own reads a frozen VM, then only what changed, and gives it back',
  { timeout: 180_000 },
  async () => {
    await world.write(0, 0, noise(1, 3 * MiB))
    await world.write(1, 2 * MiB, noise(2, 100_000))
    const first = await backUp()
    expect(first.output.disks.map(({ how, mode }) => [how, mode])).toEqual([
      ['nbd-full', 'full'],
      ['nbd-full', 'full'],
    ])
    await world.write(0, 9 * MiB, noise(3, 1000))
    const second = await backUp(first)
    expect(second.output.disks).toMatchObject([
      // Of 12 MiB one has changed.
      { how: 'nbd-cbt', mode: 'changes', because: [], readBytes: MiB, sampled: { checked: 11, differing: 0 } },
      { how: 'nbd-cbt', mode: 'changes', because: [], readBytes: 0 },
    ])

    const plan = await world.session.protect.planRestore({
      config: second.frozen.config,
      identity: { kind: 'new' },
      name: 'again',
    })
    const told: number[] = []
    const steps = world.journal.open.length
    const restored = await pool.run(
      'restoreVm',
      place,
      { connection: specOf(world.toolstack), plan, owner: 'restore', snapshot: second.output.point.snapshot },
      { journal: world.journal, progress: ({ done }) => void told.push(done) },
    )
    expect(restored.name).toBe('again')
    expect(world.journal.open.length).toBeGreaterThanOrEqual(steps)
    expect(told.at(-1)).toBeGreaterThan(0)
    const uuid = restored.vm.split('.').at(-1) ?? ''
    for (const position of [0, 1]) {
      const [is, was] = [await world.content(position, uuid), await world.content(position)]
      expect(Buffer.compare(is, was), `disk ${position}`).toBe(0)
    }

    // A journal that cannot be written to: nothing is made.
    const before = await world.inventory()
    const failing = { undo: () => Promise.reject(new Error('the disk of the server is full')) }
    await expect(
      pool.run(
        'restoreVm',
        place,
        { connection: specOf(world.toolstack), plan, owner: 'restore', snapshot: second.output.point.snapshot },
        { journal: failing },
      ),
    ).rejects.toThrow('the disk of the server is full')
    expect(await world.inventory()).toEqual(before)
  },
)
