import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JobId, NewJob } from '@nixen/api'
import { eventually } from '../rig.ts'
import { FaultWorld } from './fault-world.ts'

// kill -9 of the server and of its workers while a restore point is checked, and while a VM is replicated. NIXEN_FAULTS=1: at every call.
const campaign = process.env['NIXEN_FAULTS'] !== undefined

let world: FaultWorld
let job: JobId

beforeAll(async () => {
  world = await FaultWorld.start({ hosts: 1 })
  await world.firstRun()
  const storages = (await world.client.storage.list({ limit: 1000 })).items
  const target = storages.find(({ content, state }) => content === 'disks' && state === 'ok')
  const wanted = {
    name: 'Replica',
    work: { kind: 'replicate', storage: target?.id ?? '', keep: 2 },
    selection: { ids: [world.vm.id] },
    limits: { retries: 0 },
  }
  // What is left out has defaults.
  job = (await world.client.job.create(wanted as unknown as NewJob)).id
}, 60_000)
afterAll(async () => await world[Symbol.asyncDispose]())

/** Everything that there is on the host, as somebody else sees it; names of what is half-made bear a mark. */
async function onHost(): Promise<readonly string[]> {
  return await world.asRoot(async ({ client }) => {
    const vms = [...(await client.VM.get_all_records()).values()].filter((vm) => !vm.is_a_template)
    // "base copy" images come and go with coalescing.
    const vdis = [...(await client.VDI.get_all_records()).values()].filter(({ managed }) => managed)
    const networks = [...(await client.network.get_all_records()).values()]
    return [
      ...vms.map(({ name_label, is_a_snapshot }) => `${is_a_snapshot ? 'snapshot' : 'VM'} ${name_label}`),
      ...vdis.map(({ name_label, type }) => `${type} ${name_label}`),
      ...networks.map(({ name_label }) => `network ${name_label}`),
    ].toSorted()
  })
}

type Victim = 'server' | 'worker'

async function killAt(method: string, victim: Victim, begin: () => Promise<unknown>): Promise<void> {
  const rule = world.pool.faults.add({ method, count: 1, delay: 1500 })
  await begin()
  await eventually(async () => await Promise.resolve(rule.used > 0 ? true : undefined), 30_000)
  if (victim === 'worker') await world.killWorkers()
  else {
    await world.killServer()
    await world.startServer()
  }
  rule.remove()
  await world.connected()
}

const chosen = (all: readonly (readonly [Victim, string])[], few: readonly string[]) =>
  campaign
    ? all.flatMap(([, method]) => [['server', method] as const, ['worker', method] as const])
    : all.filter(([victim, method]) => few.includes(`${victim} ${method}`))

describe('a health check', { timeout: 120_000 }, () => {
  test.each(
    chosen(
      [
        ['server', 'network.create'],
        ['server', 'VM.create'],
        ['worker', 'VDI.create'],
        ['server', 'VIF.create'],
        ['server', 'VM.start'],
        ['server', 'VM.hard_shutdown'],
        ['server', 'VDI.destroy'],
        ['server', 'network.destroy'],
      ],
      ['server VM.start'],
    ),
  )('whose %s is killed at %s leaves nothing on the host', async (victim, method) => {
    const before = await onHost()
    const [point] = await world.points()
    if (!point) throw new Error('there is no restore point')
    await killAt(
      method,
      victim,
      async () => await world.client.point.verify({ id: point.id, demand: 'running', settle: 0 }),
    )
    // What a host was still at is looked for once more after half a minute.
    await expect.poll(onHost, { timeout: 60_000 }).toEqual(before)
  })
})

describe('a replication', { timeout: 120_000 }, () => {
  test.each(
    chosen(
      [
        ['worker', 'VDI.create'],
        ['server', 'VM.create'],
        ['server', 'VM.snapshot'],
        ['server', 'VDI.clone'],
        ['server', 'VBD.create'],
        ['server', 'VM.set_blocked_operations'],
        ['server', 'VM.set_name_label'],
        ['server', 'VM.add_to_other_config'],
        ['server', 'VDI.data_destroy'],
        ['server', 'VDI.destroy'],
      ],
      ['server VBD.create'],
    ),
  )(
    'whose %s is killed at %s goes on with the next run, and leaves only what that builds on',
    async (victim, method) => {
      await world.write(1)
      // A new replica is made by some of these calls, an existing one is brought up to date by others.
      let run: string | undefined
      const made = world.client.replica.list()
      if (['VDI.create', 'VM.create'].includes(method))
        for (const { id } of (await made).items) await world.ended((await world.client.vm.delete({ id })).task)
      else if ((await made).items.length === 0) await world.run(job)
      await killAt(method, victim, async () => (run = await world.begin(job)))
      expect(run).toBeDefined()
      let lastError: string | undefined
      const next = await eventually(async () => {
        const found = await world.run(job).catch(() => undefined)
        lastError = found?.items[0]?.error?.message
        return found?.items[0]?.error === undefined ? found : undefined
      }, 60_000).catch((error: unknown) => {
        throw new Error(`the last run: ${lastError}`, { cause: error })
      })
      expect(next.state).toMatch(/succeeded|warned/)
      // Half-made things are gone soon, and what the last run froze is a log without data.
      const halfMade = async () => (await onHost()).filter((name) => name.includes('[nixen'))
      await expect.poll(halfMade, { timeout: 60_000 }).toEqual([])
      const [replica, ...others] = (await world.client.replica.list()).items
      expect(others).toEqual([])
      expect(replica).toMatchObject({ state: 'ready' })
      const [, , uuid] = replica?.id.split('.') ?? []
      const answer = await fetch(`${world.pool.debugUrl}/vms/${uuid}/disks/0?offset=0&length=${world.content.length}`)
      expect(Buffer.compare(Buffer.from(await answer.arrayBuffer()), world.content)).toBe(0)
      const disks = (await onHost()).filter((name) => name.startsWith('user ') && name.includes(world.vm.name))
      // The source's own, the replica's, and at most two restore points of it.
      expect(disks.length).toBeLessThanOrEqual(4)
    },
  )
})
