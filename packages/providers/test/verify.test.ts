import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CheckPlace, VmConfig } from '../src/index.ts'
import { diskOf, noise, protectWorld, takeIn, type World } from './protect-world.ts'

let world: World
let config: VmConfig
const contents = new Map<string, Buffer>()

beforeAll(async () => {
  world = await protectWorld()
  await world.write(0, 0, noise(1, 100_000))
  const { protect } = world.session
  const frozen = await protect.freeze(world.vmId, { owner: 'job1', journal: world.journal })
  config = frozen.config
  for (const { key } of frozen.disks) {
    await using opened = await protect.openDisk(frozen, key)
    contents.set(key, await takeIn(opened))
  }
  await protect.keep(frozen, { data: 'nothing' })
  world.journal.open.length = 0
}, 30_000)
afterAll(async () => await world[Symbol.asyncDispose]())

const verify = () => {
  const { verify: actions } = world.session
  if (!actions) throw new Error('there are no health checks')
  return actions
}

async function restoreInto(place: CheckPlace) {
  const { protect } = world.session
  const networkOf = Object.fromEntries(config.nics.map(({ network }) => [network.key, place.network]))
  const plan = await protect.planRestore({ config, identity: { kind: 'new' }, name: place.name, networkOf })
  const onDisk = async ({ key }: { readonly key: string }) =>
    await Promise.resolve(diskOf(contents.get(key) ?? new Uint8Array(0)))
  return await protect.restore(plan, { owner: 'check', onDisk, journal: world.journal })
}

const networks = async () => (await world.xapi.client.network.get_all()).length

test('a VM is started where it reaches nothing, looked at, and nothing of it is left', async () => {
  const before = { ...(await world.inventory()), networks: await networks() }
  const place = await verify().makePlace({ name: 'payroll', journal: world.journal })
  const { vm } = await restoreInto(place)
  const challenge = 'abc123'
  await verify().start(place, { vm, challenge })
  const { client } = world.xapi
  const uuid = vm.split('.')[2] ?? ''
  const record = await client.VM.get_record(await client.VM.get_by_uuid(uuid))
  const [vif] = record.VIFs
  if (!vif) throw new Error('there is no VIF')
  const nic = await client.VIF.get_record(vif)
  expect(nic.locking_mode).toBe('disabled')
  expect(await client.network.get_PIFs(nic.network)).toEqual([])
  expect(await verify().look(vm, { challenge })).toMatchObject({ power: 'running', agent: { state: 'silent' } })

  // The guest comes up and answers.
  const body = { PV_drivers_version: { major: '7' }, os_version: { name: 'Debian' }, networks: { '0/ip': '10.0.0.9' } }
  const debug = world.toolstack.pools[0]?.debugUrl ?? ''
  const told = await fetch(`${debug}/vms/${uuid}/guest`, { method: 'PUT', body: JSON.stringify(body) })
  expect(told.ok).toBe(true)
  const self = await client.VM.get_by_uuid(uuid)
  await client.VM.add_to_xenstore_data(self, 'vm-data/nixen-answer', `${challenge} passed fine`)
  expect(record.xenstore_data['vm-data/nixen-check']).toBe(challenge)
  expect(await verify().look(vm, { challenge })).toMatchObject({
    agent: { state: 'up', os: 'Debian', ips: ['10.0.0.9'] },
    answer: { passed: true, text: 'fine' },
  })
  expect(
    Buffer.from(await verify().picture(vm))
      .subarray(1, 4)
      .toString(),
  ).toBe('PNG')

  await verify().remove(place)
  await verify().remove(place)
  expect({ ...(await world.inventory()), networks: await networks() }).toEqual(before)
})

test('what a killed check leaves is removed by its step of the journal', async () => {
  const before = { ...(await world.inventory()), networks: await networks() }
  world.journal.open.length = 0
  const place = await verify().makePlace({ name: 'payroll', journal: world.journal })
  const { vm } = await restoreInto(place)
  await verify().start(place, { vm, challenge: 'x' })
  const [step] = world.journal.open
  if (!step) throw new Error('no step was written down')
  await world.session.undo(JSON.parse(JSON.stringify(step)))
  await world.session.undo(step)
  expect({ ...(await world.inventory()), networks: await networks() }).toEqual(before)
})
