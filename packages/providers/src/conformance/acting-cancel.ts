import assert from 'node:assert/strict'
import { isAppError } from '@nixen/core'
import type { ActingWorld } from './acting-world.ts'
import { changesBetween, stateOf } from './acting-world.ts'
import { localStorage, newVm } from './acting-things.ts'

interface Cancelled {
  readonly name: string
  readonly run: (world: ActingWorld) => Promise<void>
}

/** What takes long is cancelled in its middle, and everything is as before. */
export const cancelling: readonly Cancelled[] = [
  {
    name: 'stops a copy of a VM that is cancelled',
    run: (world) => {
      const { id } = world.one('vm', ({ power, drives }) => power === 'halted' && drives.length > 0)
      const storage = localStorage(world).id
      return cancelled(world, async (task) => world.actions.vm.copy({ id, storage }, task))
    },
  },
  {
    name: 'stops a migration that is cancelled',
    run: (world) => {
      const vm = world.one('vm', (one) => one.power === 'running' && one.agent?.drivers === true)
      const host = world.one('host', ({ id }) => id !== vm.host).id
      return cancelled(world, async (task) => world.actions.vm.migrate({ id: vm.id, host }, task))
    },
  },
  { name: 'refuses to delete a VM that is being moved, which goes on', run: deletedMeanwhile },
]

async function deletedMeanwhile(world: ActingWorld): Promise<void> {
  const id = await newVm(world, 'on the move')
  const host = world.one('host', () => true, world.other).id
  const storage = localStorage(world, world.other).id
  world.target.first.slow(1500)
  const moving = world.run(async (task) => world.actions.vm.migrateStorage({ id, host, storage }, task))
  await world.sees(id, ({ busy }) => busy?.includes('migrate') === true, 'it is being moved')
  await assert.rejects(
    world.run(async (task) => world.actions.vm.delete({ id, keepDisks: [], snapshots: true }, task)),
    (error) => {
      assert.ok(isAppError(error), `${String(error)} is not of the contract`)
      assert.match(error.code, /^(vm\.busy|connection\.|xapi\.OTHER_OPERATION_IN_PROGRESS|vm\.)/)
      return true
    },
  )
  world.target.first.slow(0)
  const { made: [moved] = [] } = await moving
  await world.gone(id)
  const { drives } = await world.sees<'vm'>(moved as never, ({ name }) => name === 'on the move', 'it is there')
  assert.equal(drives.filter(({ disk }) => disk !== undefined).length, 2, 'with its disks')
}

async function cancelled(world: ActingWorld, work: Parameters<ActingWorld['run']>[0]): Promise<void> {
  const before = await stateOf(world.target)
  world.target.first.slow(3000)
  const task = world.task()
  const running = world.run(work, task)
  const ended = running.then(
    () => 'done',
    (error: unknown) => error,
  )
  // The daemon has begun when it says that something is being done.
  await world.reader.until(() => world.all('task').some(({ state }) => state === 'running'), {
    what: 'the task',
    within: 10_000,
  })
  task.cancel()
  assert.equal(await ended, task.signal.reason, 'it ends with why it was cancelled')
  world.target.first.slow(0)
  for (let i = 0; changesBetween(before, await stateOf(world.target)).length > 0 && i < 100; i++);
  assert.deepEqual(changesBetween(before, await stateOf(world.target)), [])
}
