import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../rig.ts'
import { expectHonest, wholeAgain } from './aftermath.ts'
import { FaultWorld, type Victim } from './fault-world.ts'

// kill -9 of the server and of its worker at each step; all of them in the campaign: NIXEN_FAULTS, or npm run test:faults.
const campaign = process.env['NIXEN_FAULTS']

let world: FaultWorld
beforeAll(async () => {
  world = await FaultWorld.start()
  await world.firstRun()
})
afterAll(async () => await world[Symbol.asyncDispose]())

/** Calls of a backup on the host, in their order: the kill comes while the host makes its client wait. */
const calls = [
  'VDI.enable_cbt',
  'VM.snapshot',
  'VM.set_other_config',
  'VDI.set_other_config',
  'VDI.get_nbd_info',
  'VDI.list_changed_blocks',
  'VDI.add_to_other_config',
  'VDI.data_destroy',
  'VM.destroy',
  'VDI.destroy',
] as const
/** Folders of the repository in the order in which a backup writes to them. */
const folders = ['locks', 'data', 'index', 'snapshots'] as const
const few: ReadonlySet<string> = new Set(['VDI.data_destroy', 'snapshots'])
const chosen = <T extends string>(all: readonly T[]): readonly T[] =>
  campaign === undefined ? all.filter((one) => few.has(one)) : all

describe.each<Victim>(['server', 'worker'])('kill -9 of the %s', { timeout: 300_000 }, (victim) => {
  test.each(chosen(calls))('while the host does %s', async (method) => {
    await world.write()
    // Only where changes are not tracked yet is that asked for.
    if (method === 'VDI.enable_cbt')
      await world.asRoot(async (xapi) => await xapi.client.VDI.disable_cbt(await world.diskRef(xapi)))
    const before = (await world.points()).map(({ id }) => id)
    const rule = world.pool.faults.add({ method, count: 1, delay: 1500 })
    const run = await world.begin()
    await eventually(async () => await Promise.resolve(rule.used > 0 ? true : undefined), 30_000)
    const end = await world.killAndRead(victim, run)
    rule.remove()
    await expectHonest(world, end, before)
    expect(await wholeAgain(world)).toMatch(/succeeded|warned/)
  })

  test.each(chosen(folders))('when something new is in %s of the repository', async (name) => {
    await world.write()
    const before = (await world.points()).map(({ id }) => id)
    const list = async (): Promise<string[]> => await readdir(join(world.repositoryPath, name), { recursive: true })
    const known = new Set(await list())
    const run = await world.begin()
    await eventually(async () => ((await list()).some((file) => !known.has(file)) ? true : undefined), 30_000)
    const end = await world.killAndRead(victim, run)
    await expectHonest(world, end, before)
    expect(await wholeAgain(world)).toMatch(/succeeded|warned/)
  })
})
