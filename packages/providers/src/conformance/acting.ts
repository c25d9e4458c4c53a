import assert from 'node:assert/strict'
import { messageOf } from '@nixen/core'
import type { ActingFactory, ActingTarget } from './acting-target.ts'
import { ActingWorld, changesBetween, settled } from './acting-world.ts'
import { cancelling } from './acting-cancel.ts'
import { doing } from './acting-doing.ts'
import { dieEverywhere } from './acting-dying.ts'
import { finishing, finishes } from './acting-finishing.ts'
import { multiStep, type MultiStep } from './acting-steps.ts'

/** One thing that every provider has to do. `run` throws when it does not. */
export interface ActingCase {
  /** A sentence about a provider. */
  readonly name: string
  run(factory: ActingFactory): Promise<void>
}

export interface ActingOptions {
  /** How many places at most a failure is tried at in each action of several steps; all when left out. */
  readonly places?: number
  /** At how many places the daemon dies in each of them; all when left out. With a bound only those actions that say so. */
  readonly deaths?: number
}

/** The acting part: actions do what they say, stop when they are told to, and leave nothing half-made. */
export function actingConformance({ places = Infinity, deaths = Infinity }: ActingOptions = {}): readonly ActingCase[] {
  return [
    ...doing.map(({ name, run }) => inWorld(name, run)),
    ...cancelling.map(({ name, run }) => inWorld(name, run)),
    ...multiStep.map((step) => ({
      name: `leaves nothing when a call fails while it ${step.name}`,
      run: async (factory: ActingFactory) => {
        await using target = await factory()
        await failEverywhere(target, step, places)
      },
    })),
    ...finishing.map((ending) => ({
      name: `finishes what was interrupted when it is asked again to ${ending.name}`,
      run: async (factory: ActingFactory) => {
        await using target = await factory()
        await finishes(target, ending, places)
      },
    })),
    ...multiStep
      .filter(({ dies }) => dies === true || !Number.isFinite(deaths))
      .map((step) => ({
        name: `leaves nothing when the host dies while it ${step.name}`,
        run: async (factory: ActingFactory) => await dieEverywhere(factory, step, deaths),
      })),
  ]
}

function inWorld(name: string, run: (world: ActingWorld) => Promise<void>): ActingCase {
  return {
    name,
    async run(factory) {
      await using target = await factory()
      await using world = await ActingWorld.open(target)
      await run(world)
    },
  }
}

/** Most calls that an action may take: one that goes on for ever is found by this. */
const mostCalls = 400

/**
 * Lets each call of an action fail in turn, until the action is through: each time the inventory has to be as before. With a bound the
 * places are spread evenly, by how many calls the action took in the first, undisturbed run on a target of its own kind.
 */
async function failEverywhere(target: ActingTarget, step: MultiStep, places: number): Promise<void> {
  await using world = await ActingWorld.open(target)
  const prepared = await step.prepare(world)
  let stride = 1
  if (Number.isFinite(places)) stride = Math.max(1, Math.ceil(step.calls / places))
  let struck = 0
  for (let skip = 0; skip < mostCalls; skip += stride) {
    const before = await settled(target, step.ignore)
    const fault = target.first.failCall(skip)
    const task = world.task()
    const failure = await world
      .run(async () => await prepared(task), task)
      .then(
        () => undefined,
        (error: unknown) => error ?? new Error('nothing was thrown'),
      )
    const hit = fault.struck
    fault.remove()
    if (!hit) {
      assert.equal(failure, undefined, `it fails without a fault: ${messageOf(failure)}`)
      assert.ok(struck > 0, 'no call was made to fail')
      return
    }
    struck++
    // What may fail without harm (a hint that is read, a scan afterwards) lets the action end well: it is done then.
    if (failure === undefined) return
    const changes = changesBetween(before, await settled(target, step.ignore))
    assert.deepEqual(changes, [], `after a failure at call ${skip + 1} (${messageOf(failure)})`)
  }
  assert.fail(`it takes more than ${mostCalls} calls`)
}
