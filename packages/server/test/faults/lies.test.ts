import { MiB } from '@nixen/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectHonest, expectWhole } from './aftermath.ts'
import { FaultWorld } from './fault-world.ts'

const week = 7 * 24 * 3600 * 1000
let world: FaultWorld
beforeAll(async () => {
  world = await FaultWorld.start()
  // All that is called unchanged is compared.
  world.job = await world.makeJob({ work: { kind: 'backup', repositories: [world.repository], verify: 1 } })
  world.behind = week + 1000
  await world.firstRun()
  world.behind = 0
})
afterAll(async () => await world?.[Symbol.asyncDispose]())

test(
  'a host that says nothing has changed is found out once a week, told, and all is read',
  { timeout: 120_000 },
  async () => {
    await world.write()
    const before = (await world.points()).map(({ id }) => id)
    // A bit for each 64 KiB: none is set.
    const nothing = Buffer.alloc(world.content.length / (64 * 1024) / 8).toString('base64')
    const lie = world.pool.faults.add({ method: 'VDI.list_changed_blocks', answer: nothing })
    const run = await world.run()
    lie.remove()
    expect(run.state).toBe('warned')
    expect(run.items[0]?.notes.join(' ')).toMatch(
      /[1-3] of 12 blocks that the host called unchanged had changed\. All of the disk was read\. Look after the storage\./,
    )
    expect(run.read).toBeGreaterThanOrEqual(4 * MiB)
    await expectHonest(world, run, before)
    const [newest] = await world.points()
    if (!newest) throw new Error('There is no restore point')
    expect(Buffer.compare(await world.restored(newest), world.content)).toBe(0)
    // And not again on the next day of the week.
    const next = await expectWhole(world)
    expect({ state: next.state, notes: next.items[0]?.notes, read: next.read }).toEqual({
      state: 'succeeded',
      notes: [],
      read: 0,
    })
  },
)
