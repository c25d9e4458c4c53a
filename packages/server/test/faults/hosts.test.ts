import { MiB } from '@nixen/core'
import type { Xapi } from '@nixen/xapi'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../rig.ts'
import { expectHonest, expectWhole, wholeAgain } from './aftermath.ts'
import { FaultWorld } from './fault-world.ts'

// All of them in the campaign: NIXEN_FAULTS, or npm run test:faults.
const campaign = process.env['NIXEN_FAULTS'] !== undefined
let world: FaultWorld
beforeAll(async () => {
  world = await FaultWorld.start()
  await world.firstRun()
})
afterAll(async () => await world?.[Symbol.asyncDispose]())

const before = async (): Promise<string[]> => (await world.points()).map(({ id }) => id)

/** Makes reading slow, begins a run of which everything is read, and waits until it reads. */
async function beginSlowly() {
  await world.asRoot(async ({ client }) => {
    const disk = await world.diskRef({ client } as Xapi)
    await client.VDI.disable_cbt(disk)
  })
  const rule = world.pool.faults.add({ stream: 'nbd', bytesPerSecond: MiB / 2 })
  const run = await world.begin()
  await eventually(async () => await Promise.resolve(rule.used > 0 ? true : undefined), 30_000)
  return { run, rule }
}

describe('a run during which', { timeout: 300_000 }, () => {
  test.each<[string, readonly [string, ...string[]], RegExp]>([
    ['the storage is full', ['SR_BACKEND_FAILURE_44', '', 'There is insufficient space', ''], /full/],
    ['the host does not merge chains', ['SR_BACKEND_FAILURE_109', '', 'The snapshot chain is too long', ''], /chain/],
    ['the host can take no snapshot', ['INTERNAL_ERROR', 'Not_found'], /No snapshot of web-prod-001 could be taken/],
  ])('%s says so, and leaves nothing', async (_, error, sentence) => {
    await world.write()
    const points = await before()
    const rule = world.pool.faults.add({ method: 'VM.snapshot', error })
    const run = await world.run()
    rule.remove()
    expect(run).toMatchObject({ state: 'failed', failed: 1, summary: expect.stringMatching(sentence) })
    await expectHonest(world, run, points)
    expect(await wholeAgain(world)).toMatch(/succeeded|warned/)
  })

  test.each<[string, (world: FaultWorld) => Promise<void>, RegExp]>([
    [
      'somebody switched tracking off and on',
      async () =>
        await world.asRoot(async (xapi) => {
          const disk = await world.diskRef(xapi)
          await xapi.client.VDI.disable_cbt(disk)
          await xapi.client.VDI.enable_cbt(disk)
        }),
      /tracking was switched off in between|record of changes/,
    ],
    [
      'somebody removed what the host kept',
      async () =>
        await world.asRoot(async ({ client }) => {
          for (const [ref, { type }] of await client.VDI.get_all_records())
            if (type === 'cbt_metadata') await client.VDI.destroy(ref)
        }),
      /somebody has removed it/,
    ],
    [
      'the record of changes is damaged',
      async () =>
        void (await Promise.resolve(
          world.pool.faults.add({
            method: 'VDI.list_changed_blocks',
            count: 1,
            error: ['SR_BACKEND_FAILURE_459', '', 'corrupt', ''],
          }),
        )),
      /damaged/,
    ],
  ])('%s reads everything, says why once, and not again the next night', async (_, disturb, sentence) => {
    await world.write()
    const points = await before()
    await disturb(world)
    const run = await world.run()
    expect(run).toMatchObject({ state: 'warned' })
    expect(run.items[0]?.notes.join(' ')).toMatch(sentence)
    expect(run.read).toBeGreaterThanOrEqual(4 * MiB)
    await expectHonest(world, run, points)
    const next = await expectWhole(world)
    expect({ state: next.state, notes: next.items[0]?.notes }).toEqual({ state: 'succeeded', notes: [] })
  })

  test.runIf(campaign)(
    'the host does not give snapshot data back keeps them until the next run, and says so',
    async () => {
      await world.write()
      const points = await before()
      const rule = world.pool.faults.add({ method: 'VDI.data_destroy', error: ['SR_BACKEND_FAILURE_46', '', 'no', ''] })
      const run = await world.run()
      rule.remove()
      expect(run.items[0]?.notes.join(' ')).toMatch(/did not remove the data/)
      await expectHonest(world, run, points)
      expect(await wholeAgain(world)).toMatch(/succeeded|warned/)
    },
  )

  test.runIf(campaign)(
    'the host coalesces nothing goes well, night after night, and with it all comes together',
    async () => {
      const coalesce = async (on: boolean): Promise<void> =>
        await world.asRoot(async (xapi) => {
          const sr = await xapi.client.VDI.get_SR(await world.diskRef(xapi))
          await xapi.client.SR.remove_from_other_config(sr, 'coalesce')
          if (!on) await xapi.client.SR.add_to_other_config(sr, 'coalesce', 'false')
        })
      await coalesce(false)
      for (let night = 0; night < 3; night++) {
        await world.write()
        const run = await world.run()
        expect({ state: run.state, notes: run.items[0]?.notes }).toEqual({ state: 'succeeded', notes: [] })
      }
      await coalesce(true)
      expect(await wholeAgain(world)).toBe('succeeded')
    },
  )

  test('all hosts go away for a moment ends well, or says so', async () => {
    await world.write()
    const points = await before()
    const { run } = await beginSlowly()
    await world.goAway()
    await world.comeBack()
    const end = await world.endedRun(run)
    await expectHonest(world, end, points)
    expect(await wholeAgain(world)).toMatch(/succeeded|warned/)
  })

  test.runIf(campaign)('another host becomes master ends well, or says so', async () => {
    await world.write()
    const points = await before()
    const { run, rule } = await beginSlowly()
    await world.asRoot(async ({ client }) => {
      const [pool] = (await client.pool.get_all_records()).values()
      const other = (await client.host.get_all()).find((host) => host !== pool?.master)
      if (other) await client.pool.designate_new_master(other)
    })
    rule.remove()
    const end = await world.endedRun(run)
    await expectHonest(world, end, points)
    expect(await wholeAgain(world)).toMatch(/succeeded|warned/)
  })

  test.runIf(campaign)('the VM moves to another host stores it as it was', async () => {
    await world.write()
    const points = await before()
    const { run, rule } = await beginSlowly()
    const moved = await world.asRoot(async (xapi) => {
      const vm = await world.vmRef(xapi)
      const from = await xapi.client.VM.get_resident_on(vm)
      const to = (await xapi.client.host.get_all()).find((host) => host !== from)
      if (!to) return 'there is one host'
      return await xapi.client.VM.pool_migrate(vm, to, { live: 'true' }).then(() => 'moved', String)
    })
    rule.remove()
    // A disk of one host's own storage cannot move within the pool: the run goes on all the same.
    expect(moved).toMatch(/moved|SR_BACKEND|REQUIRES|VM_REQUIRES_SR|HOST_/)
    const end = await world.endedRun(run)
    expect(end.state).toMatch(/succeeded|warned/)
    await expectHonest(world, end, points)
    expect(await wholeAgain(world)).toMatch(/succeeded|warned/)
  })

  test.runIf(campaign)('a disk grows stores it as it was, and the next run says that it reads everything', async () => {
    await world.write()
    const points = await before()
    const { run, rule } = await beginSlowly()
    await world.asRoot(async (xapi) => {
      const vm = await world.vmRef(xapi)
      await xapi.client.VM.hard_shutdown(vm)
      await xapi.client.VDI.resize(await world.diskRef(xapi), 14 * MiB)
      await xapi.client.VM.start(vm, false, false)
    })
    rule.remove()
    const end = await world.endedRun(run)
    expect(end.state).toMatch(/succeeded|warned/)
    await expectHonest(world, end, points)
    world.content = Buffer.concat([world.content, Buffer.alloc(2 * MiB)])
    const next = await expectWhole(world)
    expect(next.items[0]?.notes.join(' ')).toMatch(/resized from 12582912 to 14680064/)
  })

  test('the VM is deleted ends, leaves nothing, and its points stay', async () => {
    await world.write()
    const points = await before()
    const { run, rule } = await beginSlowly()
    await world.asRoot(async (xapi) => {
      const vm = await world.vmRef(xapi)
      const disk = await world.diskRef(xapi)
      await xapi.client.VM.hard_shutdown(vm)
      await xapi.client.VM.destroy(vm)
      await xapi.client.VDI.destroy(disk)
    })
    rule.remove()
    const end = await world.endedRun(run)
    await expectHonest(world, end, points)
    const snapshots = (await world.strays()).filter(({ kept }) => !kept)
    expect(snapshots).toEqual([])
    expect(await world.locks()).toEqual([])
    expect(await world.restic('check', '--read-data')).toContain('no errors were found')
  })
})
