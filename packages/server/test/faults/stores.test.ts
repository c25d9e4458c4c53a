import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { restic } from '@nixen/testkit/restic'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectHonest, expectWhole, wholeAgain } from './aftermath.ts'
import { FaultWorld, password } from './fault-world.ts'

const execute = promisify(execFile)
// All of them in the campaign: NIXEN_FAULTS, or npm run test:faults.
const campaign = process.env['NIXEN_FAULTS'] !== undefined
let world: FaultWorld
let small = ''
let mounted = false
beforeAll(async () => {
  world = await FaultWorld.start()
  await world.firstRun()
  small = join(world.folder, 'small')
  await mkdir(small)
  mounted = await execute('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', small]).then(
    () => true,
    () => false,
  )
})
afterAll(async () => {
  if (mounted) await execute('umount', ['-l', small])
  await world?.[Symbol.asyncDispose]()
})

describe('a repository', { timeout: 300_000 }, () => {
  test('that is full fails with that, keeps what it has, and takes the next point when there is room', async (context) => {
    // Only root may mount.
    if (!mounted) return context.skip()
    const full = await world.client.repository.create({ name: 'Small', location: small, password })
    const job = await world.makeJob({ work: { kind: 'backup', repositories: [full.id] }, schedules: [] })
    const first = await world.run(job.id)
    expect(first).toMatchObject({ state: 'succeeded' })
    await world.write(60)
    const bad = await world.run(job.id)
    expect(bad).toMatchObject({ state: 'failed', summary: expect.stringMatching(/No room is left in Small/) })
    expect(bad.items[0]?.error?.code).toBe('repository.full')
    const check = await restic(small, ['check', '--read-data', '--no-lock'], { password })
    expect(check.stdout + check.stderr).toContain('no errors were found')
    await execute('mount', ['-o', 'remount,size=64m', small])
    const good = await world.run(job.id)
    expect({ state: good.state, error: good.items[0]?.error }).toEqual({ state: 'succeeded', error: undefined })
    expect((await world.client.point.list({ q: 'repository:Small' })).items).toHaveLength(2)
    const again = await restic(small, ['check', '--read-data'], { password })
    expect(again.stdout + again.stderr).toContain('no errors were found')
    expect((await world.client.repository.get({ id: full.id })).state).toBe('ready')
    await world.client.job.remove({ id: job.id })
    // What was kept for that job is not the business of the tests after this one.
  })

  test('whose key has been changed fails with that until it is told the new one', async () => {
    await world.write()
    const before = (await world.points()).map(({ id }) => id)
    const other = 'another password'
    await world.changeKey(other)
    // A worker that has it open needs no password.
    await world.killWorkers()
    const bad = await world.run()
    expect(bad).toMatchObject({ state: 'failed', summary: expect.stringMatching(/password|key/) })
    expect(bad.items[0]?.error?.code).toBe('repository.wrong_password')
    await expectHonest(world, bad, before)
    await world.client.repository.update({ id: world.repository, password: other })
    expect(await wholeAgain(world)).toMatch(/succeeded|warned/)
  })

  test('that restic prunes at the same time gets its point, and stays whole', async () => {
    const before = (await world.points()).map(({ id }) => id)
    for (let i = 0; i < 2; i++) {
      await world.write()
      const run = await world.begin()
      const [end] = await Promise.all([world.endedRun(run), world.tryRestic('prune', '--max-unused', '0')])
      await expectHonest(world, end, before)
      before.splice(0, before.length, ...(await world.points()).map(({ id }) => id))
    }
    await expectWhole(world)
    expect(await world.restic('check', '--read-data')).toContain('no errors were found')
  })

  test.runIf(campaign)(
    'that goes away while it is written to fails with that, and goes on when it is back',
    async () => {
      await world.write()
      const before = (await world.points()).map(({ id }) => id)
      await execute('mv', [world.repositoryPath, `${world.repositoryPath}-away`])
      const bad = await world.run()
      await execute('mv', [`${world.repositoryPath}-away`, world.repositoryPath])
      expect(bad.state).toBe('failed')
      await expectHonest(world, bad, before)
      expect(await wholeAgain(world)).toMatch(/succeeded|warned/)
    },
  )
})
