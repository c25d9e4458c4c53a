import type { RunDetail } from '@nixen/api'
import { expect } from 'vitest'
import { eventually } from '../rig.ts'
import type { FaultWorld } from './fault-world.ts'

/** States that promise something to people. */
const green: ReadonlySet<string> = new Set(['succeeded', 'warned'])

/** After a fault: what was there before still is (of `last` of the schedule), and the run says in a sentence what happened. */
export async function expectHonest(world: FaultWorld, run: RunDetail, before: readonly string[]): Promise<void> {
  await expect.poll(async () => await missing(world, before), { timeout: 30_000 }).toEqual([])
  expect(run.finished).toBeDefined()
  expect(run.items.map(({ state }) => state)).not.toContain('running')
  if (green.has(run.state)) return
  expect(run.summary).toMatch(/^[A-Z0-9].+\.$/s)
  // A stack, a code or an object is no sentence.
  expect(run.summary).not.toMatch(/undefined|\[object|Error:|\bat .*:\d+:\d+|Nixen has a bug/i)
}

/**
 * Restore points that should be there. The schedule keeps three: as many of the oldest go as the run has stored, one by each attempt. What a
 * killed worker stored is known once the repository has been looked at.
 */
async function missing(world: FaultWorld, before: readonly string[]): Promise<readonly string[]> {
  const now: readonly string[] = (await world.points()).map(({ id }) => id)
  const stored = now.filter((id) => !before.includes(id)).length
  return before.slice(0, Math.max(0, 3 - stored)).filter((id) => !now.includes(id))
}

/**
 * The next run needs no help, and leaves only what it builds on: nothing of the run that failed stays on the host, nothing in the repository;
 * what it stored is what the guest had.
 */
export async function expectWhole(world: FaultWorld): Promise<RunDetail> {
  await world.connected()
  const before = new Set((await world.points()).map(({ id }) => id))
  const next = await world.run()
  expect({ state: next.state, errors: next.items.map(({ error }) => error) }).toEqual({
    state: expect.stringMatching(/succeeded|warned/),
    errors: [undefined],
  })
  const [newest] = await world.points()
  if (!newest) throw new Error('There is no restore point')
  expect(before.has(newest.id)).toBe(false)
  expect(Buffer.compare(await world.restored(newest), world.content)).toBe(0)
  const [token] = await eventually(async () => {
    const found = await world.strays()
    return found.length === 1 ? found : undefined
  }, 45_000).catch(async () => await world.strays())
  expect(await world.strays()).toEqual([{ ...token, kind: 'disk', kept: true }])
  expect(await world.locks()).toEqual([])
  return next
}

/** The same; gives how the next run ended. */
export async function wholeAgain(world: FaultWorld): Promise<string> {
  return (await expectWhole(world)).state
}
