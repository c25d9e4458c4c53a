import { join } from 'node:path'
import type { ConnectionId, TaskId } from '@nixen/api'
import { silentLog } from '@nixen/core'
import type { UndoStep } from '@nixen/providers'
import { FakeClock } from '@nixen/testkit/fake-clock'
import { expect, test } from 'vitest'
import { temporaryState } from '../../test/rig.ts'
import { openState } from '../db/open-state.ts'
import { UndoJournal } from './undo-journal.ts'

const connection = 'pool' as ConnectionId
const task = 'task.nixen.one' as TaskId
const disk: UndoStep = { kind: 'protect.disk', what: 'Remove the disk', data: { mark: 'x' } }
const start: UndoStep = { kind: 'vm.start', what: 'Start it again', data: { vm: 'v' } }

async function journal() {
  const state = await temporaryState()
  const db = await openState({ path: join(state.path, 'db.sqlite') })
  const clock = new FakeClock()
  const undone: string[] = []
  const undo = async (_connection: ConnectionId, { kind }: UndoStep): Promise<void> => {
    undone.push(kind)
    await Promise.resolve()
  }
  return {
    journal: new UndoJournal({ db, clock, log: silentLog, undo }),
    clock,
    undone,
    async [Symbol.asyncDispose]() {
      await db.destroy()
      await state[Symbol.asyncDispose]()
    },
  }
}

test('what a killed process may still have made is looked for once more, and only what bears a mark', async () => {
  await using world = await journal()
  const { journal: steps, clock, undone } = world
  steps.begin(task)
  await steps.write(start, { task, connection })
  await steps.write(disk, { task, connection })
  await steps.undo(task, { cut: true })
  expect(undone.toSorted()).toEqual(['protect.disk', 'vm.start'])
  expect(await steps.clean(connection)).toEqual([])
  expect(undone).toHaveLength(2)
  expect(await steps.isDue(connection)).toBe(false)
  clock.advance(31_000)
  expect(await steps.isDue(connection)).toBe(true)
  await steps.clean(connection)
  expect(undone.slice(2)).toEqual(['protect.disk'])
  expect(await steps.list()).toEqual([])
})

test('what an attempt began is undone before the next, and not forgotten when that ends well', async () => {
  await using world = await journal()
  const { journal: steps, clock, undone } = world
  steps.begin(task)
  await steps.write(disk, { task, connection })
  await steps.takeBack(task, { cut: true })
  await steps.write({ ...disk, data: { mark: 'second' } }, { task, connection })
  await steps.keep(task)
  expect(await steps.list()).toMatchObject([{ data: { mark: 'x' } }])
  clock.advance(31_000)
  await steps.clean(connection)
  expect(undone).toEqual(['protect.disk', 'protect.disk'])
  expect(await steps.list()).toEqual([])
})

test('what failed by itself is undone once', async () => {
  await using world = await journal()
  const { journal: steps, undone } = world
  await steps.write(disk, { task, connection })
  await steps.undo(task)
  expect(undone).toEqual(['protect.disk'])
  expect(await steps.list()).toEqual([])
})
