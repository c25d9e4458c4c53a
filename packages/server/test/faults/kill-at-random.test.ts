import { seededRandom, systemClock } from '@nixen/core'
import { expect, test } from 'vitest'
import { expectHonest, expectWhole } from './aftermath.ts'
import { FaultWorld } from './fault-world.ts'

// kill -9 of the server and of its worker at random moments. NIXEN_FAULTS says how many. Each kill has a number and a random sequence of its own:
// NIXEN_SEED and NIXEN_FAULTS_FROM go on where a campaign has ended.
const campaign = process.env['NIXEN_FAULTS']
const kills = Number(campaign ?? 1)
const from = Number(process.env['NIXEN_FAULTS_FROM'] ?? 0)
const seed = Number(process.env['NIXEN_SEED'] ?? (campaign === undefined ? 20_261_121 : Date.now() % 1_000_000))
/** Worlds side by side: most of a round is waiting. */
const lanes = kills > 10 ? 2 : 1

test(
  `nothing is lost by kill -9 at ${kills} random moments (seed ${seed})`,
  async () => {
    let next = from
    let interrupted = 0
    const lane = async (number: number): Promise<void> => {
      await using world = await FaultWorld.start({ seed: seed + number })
      await world.firstRun()
      let took = 1500
      for (let i = next++; i < kills; i = next++) {
        try {
          const time = await killOnce(world, seededRandom(seed * 10_000 + i), took)
          if (time === undefined) interrupted++
          else took = Math.min(4000, Math.max(300, 0.7 * took + 0.3 * time))
          // Fails when restic finds anything.
          if (i % 20 === 19) await world.restic('check', '--read-data')
        } catch (error) {
          // The other lane ends too.
          next = kills
          throw new Error(`Kill ${i} of seed ${seed}: go on with NIXEN_SEED=${seed} NIXEN_FAULTS_FROM=${i}`, {
            cause: error,
          })
        }
      }
      expect(await world.restic('check', '--read-data')).toContain('no errors were found')
    }
    const results = await Promise.allSettled(Array.from({ length: lanes }, async (_, number) => await lane(number)))
    for (const result of results) if (result.status === 'rejected') throw result.reason
    // A campaign in which every run got done in time proves nothing.
    const done = kills - from
    expect(interrupted).toBeGreaterThanOrEqual(done > 10 ? done / 5 : 0)
  },
  120_000 + kills * 60_000,
)

/** One kill and its aftermath. Gives the milliseconds of a run that was done before the kill came; `undefined`: it was interrupted. */
async function killOnce(world: FaultWorld, random: () => number, took: number): Promise<number | undefined> {
  await world.write()
  const before = (await world.points()).map(({ id }) => id)
  const begun = performance.now()
  const run = await world.begin()
  await systemClock.sleep(random() * took)
  const end = await world.killAndRead(random() < 0.7 ? 'server' : 'worker', run)
  const time = performance.now() - begun
  await expectHonest(world, end, before)
  await expectWhole(world)
  return end.state === 'succeeded' ? time : undefined
}
