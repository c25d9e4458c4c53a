import { formatId, type PoolId } from '@nixen/api'
import { Xapi } from '@nixen/xapi'
import { expect, test } from 'vitest'
import { MemoryTask } from '../src/conformance/acting-world.ts'
import { xapiProvider, type ProviderSession } from '../src/index.ts'
import { ports, quickToolstack, specOf } from './connect.ts'

/** The key of the pool, as an id. */
const poolId = (session: ProviderSession): PoolId =>
  formatId({ type: 'pool', connection: specOf({ url: '' } as never).id, key: session.poolKey })

const fingerprintOf = async (url: string): Promise<string> => {
  const probe = await xapiProvider.probe(url, ports)
  return probe.secure ? probe.fingerprint : ''
}

test('a host joins a pool; one that may not is refused with a reason and stays as it was', async () => {
  await using toolstack = await quickToolstack({ pools: 2, hosts: 1, vms: 2 })
  const [first, second] = toolstack.pools
  if (!first || !second) throw new Error('there are two pools')
  await using session = await xapiProvider.open(specOf(toolstack), ports)
  const fingerprint = await fingerprintOf(second.url)
  const address = second.url
  const join = { id: poolId(session), address, username: 'root', fingerprint, force: false }
  const add = session.actions.pool.addHost
  await expect(add({ ...join, password: 'wrong' }, new MemoryTask(new Map()))).rejects.toMatchObject({
    code: 'connection.wrong_credentials',
    message: expect.stringContaining(second.url),
  })
  await using other = await Xapi.connect({
    url: second.url,
    username: 'root',
    password: 'nixen',
    tls: { kind: 'pin', fingerprint },
  })
  const names = async () => [...(await other.client.VM.get_all_records()).values()].map(({ name_label }) => name_label)
  const before = (await names()).toSorted()
  for (const [vm, { power_state, is_control_domain }] of await other.client.VM.get_all_records()) {
    if (is_control_domain || power_state !== 'Halted') continue
    // A VM that runs keeps the host from joining.
    await other.client.VM.start(vm, false, false).catch(() => undefined)
  }
  await expect(add({ ...join, password: 'nixen' }, new MemoryTask(new Map()))).rejects.toMatchObject({
    code: expect.stringMatching(/^xapi\.JOINING_HOST_CANNOT/),
    message: expect.stringMatching(/^The joining host has .*\.$/),
  })
  expect((await names()).toSorted()).toEqual(before)
  for (const [vm, record] of await other.client.VM.get_all_records()) {
    if (!record.is_control_domain && record.power_state !== 'Halted') await other.client.VM.hard_shutdown(vm)
  }
  for (const vlan of await other.client.VLAN.get_all()) await other.client.VLAN.destroy(vlan)
  for (const [sr, { shared, PBDs }] of await other.client.SR.get_all_records()) {
    if (!shared) continue
    for (const pbd of PBDs) await other.client.PBD.unplug(pbd)
    await other.client.SR.forget(sr)
  }
  await add({ ...join, password: 'nixen' }, new MemoryTask(new Map()))
  await expect
    .poll(
      async () =>
        Object.keys(
          // All records of hosts by reference.
          (await session.inspect.call({ method: 'host.get_all_records', args: [], write: false })) as object,
        ).length,
      { timeout: 10_000 },
    )
    .toBe(2)
})
