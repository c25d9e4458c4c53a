import assert from 'node:assert/strict'
import { messageOf, systemClock } from '@nixen/core'
import type { ActingFactory } from './acting-target.ts'
import { ActingWorld, changesBetween, settled, type MemoryTask } from './acting-world.ts'
import type { MultiStep } from './acting-steps.ts'

/** A place in an action at which the daemon dies. */
interface Place {
  readonly skip: number
  /** The call is done; its answer never comes. */
  readonly after: boolean
}

/** Most places that an action is tried at. */
const most = 400

/**
 * Lets the daemon die at each call of an action, before and after it is done, and come back: then the steps that were written down are undone, as the
 * janitor does. An action that failed must have left nothing; one that went on after the restart is through.
 */
export async function dieEverywhere(factory: ActingFactory, step: MultiStep, places: number): Promise<void> {
  const stride = Number.isFinite(places) ? Math.max(1, Math.ceil(step.calls / places)) : 1
  for (let skip = Number.isFinite(places) ? Math.floor(stride / 2) : 0, round = 0; skip < most; skip += stride) {
    const both = Number.isFinite(places) ? [round++ % 2 === 1] : [false, true]
    for (const after of both) if (!(await dieOnce(factory, step, { skip, after }))) return
  }
}

/** False when the action was through before the place. */
async function dieOnce(factory: ActingFactory, step: MultiStep, { skip, after }: Place): Promise<boolean> {
  await using target = await factory()
  await using world = await ActingWorld.open(target)
  const prepared = await step.prepare(world)
  const before = await settled(target, step.ignore)
  const death = target.first.dieAt(skip, { after })
  const task = world.task()
  const failure = await prepared(task).then(
    () => undefined,
    (error: unknown) => error ?? new Error('nothing was thrown'),
  )
  const { struck } = death
  await death.back()
  if (failure === undefined) return struck
  assert.ok(struck, `it fails although nothing died: ${messageOf(failure)}`)
  await undoAll(world, task)
  const changes = changesBetween(before, await settled(target, step.ignore))
  const when = after ? 'when it was done' : 'before it was done'
  if (changes.length > 0 && after && (await isThrough(world, step))) return true
  assert.deepEqual(changes, [], `after a death at call ${skip + 1}, ${when} (${messageOf(failure)})`)
  return true
}

/** Waits for the inventory, which is read anew after the restart. */
async function isThrough(world: ActingWorld, { done }: MultiStep): Promise<boolean> {
  if (!done) return false
  for (let tries = 0; tries < 50; tries++) {
    if (done(world)) return true
    await systemClock.sleep(100)
  }
  return false
}

/** What the janitor does once the connection is there again; what cannot be undone yet is tried again. */
async function undoAll(world: ActingWorld, task: MemoryTask): Promise<void> {
  for (const step of task.steps.toReversed()) {
    for (let tries = 0; ; tries++) {
      try {
        await world.session.undo(step)
        break
      } catch (error) {
        if (tries > 100) throw error
        await systemClock.sleep(100)
      }
    }
  }
}
