import { collectBytes, MiB } from '@nixen/core'
import { describe, expect, test } from 'vitest'
import { xapiProvider, type FrozenVm, type OpenedDisk, type ProviderSession } from '../src/index.ts'
import { ports, specOf } from './connect.ts'
import { diskOf, noise, protectWorld, takeIn, type World } from './protect-world.ts'

const freeze = ({ session, vmId, journal }: World): Promise<FrozenVm> =>
  session.protect.freeze(vmId, { owner: 'job1', journal })

/** A first backup of the first disk; what the next one needs. */
async function firstBackup(world: World): Promise<{ frozen: FrozenVm; content: Buffer }> {
  await world.write(0, MiB, noise(1, 3 * MiB))
  const frozen = await freeze(world)
  await using opened = await openFirst(world.session, frozen)
  const content = await takeIn(opened)
  await opened[Symbol.asyncDispose]()
  await world.session.protect.keep(frozen, { data: 'purge' })
  world.journal.open.length = 0
  return { frozen, content }
}

function openFirst(
  { protect }: ProviderSession,
  frozen: FrozenVm,
  since?: FrozenVm['disks'][number]['token'],
): Promise<OpenedDisk> {
  return protect.openDisk(frozen, frozen.disks[0]?.key ?? '', since ? { since } : {})
}

/** Reads all of a disk. Large buffers are kept from assertions, which would print them. */
const lengthOf = async (opened: OpenedDisk): Promise<number> => (await takeIn(opened)).length

/** Says how the next backup would read the first disk, and takes it back. */
async function nextBackup(world: World, before: FrozenVm): Promise<{ how: string; codes: string[]; content: Buffer }> {
  const frozen = await freeze(world)
  const opened = await openFirst(world.session, frozen, before.disks[0]?.token)
  const { how, because } = opened
  const content = await takeIn(opened.changed ? { ...opened, changed: undefined } : opened)
  await opened[Symbol.asyncDispose]()
  await world.session.protect.release(frozen)
  world.journal.open.length = 0
  return { how, codes: because.map(({ code }) => code), content }
}

describe('a change behind the back of a backup', () => {
  test.each<[name: string, disturb: (world: World) => Promise<unknown>, code: string]>([
    [
      'tracking was switched off and on',
      async ({ xapi: { client }, disks: [disk] }) => {
        await client.VDI.disable_cbt(disk!) // The world has two disks.
        await client.VDI.enable_cbt(disk!)
      },
      'tracking_interrupted',
    ],
    [
      'tracking was switched off',
      async ({ xapi: { client }, disks: [disk] }) => client.VDI.disable_cbt(disk!),
      'tracking_interrupted',
    ],
    [
      'the disk was resized',
      async ({ xapi: { client }, vm, disks: [disk] }) => {
        await client.VM.hard_shutdown(vm)
        await client.VDI.resize(disk!, 14 * MiB)
        await client.VM.start(vm, false, false)
      },
      'disk_resized',
    ],
    [
      'what was kept was removed',
      async ({ xapi: { client } }) => {
        for (const [ref, { type }] of await client.VDI.get_all_records()) {
          if (type === 'cbt_metadata') await client.VDI.destroy(ref)
        }
      },
      'token_gone',
    ],
    [
      'the VM was reverted',
      async ({ xapi: { client }, vm }) => {
        await client.VM.revert(await client.VM.snapshot(vm, 'mine'))
        await client.VM.start(vm, false, false)
      },
      'disk_replaced',
    ],
  ])('is told, and everything is read: %s', async (_, disturb, code) => {
    await using world = await protectWorld()
    const { frozen } = await firstBackup(world)
    await disturb(world)
    await world.write(0, 5 * MiB, noise(2, 100_000))
    const next = await nextBackup(world, frozen)
    expect(next.codes).toContain(code)
    expect(Buffer.compare(next.content, await world.content(0))).toBe(0)
    // Not every night again: the run after that is a difference.
    const later = await freeze(world)
    await world.session.protect.keep(later, { data: 'purge', drop: frozen.disks.map(({ token }) => token) })
    expect((await nextBackup(world, later)).how).toBe('nbd-cbt')
  })

  test('does not matter to a VM that moved to another host', async () => {
    await using world = await protectWorld({ hosts: 2 })
    const { frozen } = await firstBackup(world)
    const { client } = world.xapi
    const here = await client.VM.get_resident_on(world.vm)
    const there = (await client.host.get_all()).find((host) => host !== here)
    await client.VM.pool_migrate(world.vm, there ?? ('' as never), { live: 'true' })
    const { how, codes } = await nextBackup(world, frozen)
    expect([how, codes]).toEqual(['nbd-cbt', []])
  })
})

describe('a fault while a VM is backed up', () => {
  test('of the host that is read from: another one goes on', async () => {
    await using world = await protectWorld({ hosts: 2 })
    await world.write(0, 0, noise(1, 12 * MiB))
    // With this chance the last of the hosts is taken: a member.
    await using session = await xapiProvider.open(specOf(world.toolstack), { ...ports, random: () => 0.99 })
    const frozen = await freeze(world)
    const opened = await openFirst(session, frozen)
    const half = new Uint8Array(6 * MiB)
    await opened.source.read(0, half)
    const hosts = await world.xapi.client.host.get_all_records()
    const [pool] = (await world.xapi.client.pool.get_all_records()).values()
    const member = [...hosts].find(([ref]) => ref !== pool?.master)
    // The VM must survive to be compared with.
    const there = (await world.xapi.client.VM.get_resident_on(world.vm)) === member?.[0]
    if (there) await world.xapi.client.VM.pool_migrate(world.vm, pool?.master ?? ('' as never), { live: 'true' })
    await world.toolstack.pools[0]?.killHost(member?.[1].uuid ?? '')
    const content = await takeIn(opened)
    expect(Buffer.compare(content, await world.content(0))).toBe(0)
    await opened[Symbol.asyncDispose]()
    await world.session.protect.release(frozen)
  })

  test('of the whole pool: the reading goes on when it is back, with another session', async () => {
    await using world = await protectWorld()
    await world.write(0, 0, noise(1, 12 * MiB))
    const expected = await world.content(0)
    const frozen = await freeze(world)
    const opened = await openFirst(world.session, frozen)
    await opened.source.read(0, new Uint8Array(MiB))
    await world.stop()
    const reading = takeIn(opened)
    await world.start()
    expect(Buffer.compare(await reading, expected)).toBe(0)
    await opened[Symbol.asyncDispose]()
    await world.session.protect.release(frozen)
    expect(await world.session.protect.strays()).toEqual([])
  }, 60_000)

  test('of the storage: bytes that can not be read are an error, in no case zeros', async () => {
    await using world = await protectWorld()
    const before = await world.inventory()
    await world.write(0, 0, noise(1, 12 * MiB))
    const frozen = await freeze(world)
    world.toolstack.pools[0]?.faults.add({ stream: 'nbd', cutAfter: 1000 })
    const opened = await openFirst(world.session, frozen)
    await expect(lengthOf(opened)).rejects.toMatchObject({ code: 'nbd.request_failed' })
    await opened[Symbol.asyncDispose]()
    await world.session.protect.release(frozen)
    expect(await world.inventory()).toEqual(before)
  })

  test('of an export: a stream that is cut is an error', async () => {
    await using world = await protectWorld({ nbd: false })
    const before = await world.inventory()
    await world.write(0, 0, noise(1, 12 * MiB))
    const frozen = await freeze(world)
    world.toolstack.pools[0]?.faults.add({ stream: '/export*', cutAfter: 5 * MiB })
    const opened = await openFirst(world.session, frozen)
    expect([opened.how, opened.sequential, opened.because.map(({ code }) => code)]).toEqual([
      'full-export',
      true,
      ['first', 'nbd_off'],
    ])
    await expect(lengthOf(opened)).rejects.toThrow(/VDI_IO_ERROR|broke off|ends too early/)
    await opened[Symbol.asyncDispose]()
    await world.session.protect.release(frozen)
    expect(await world.inventory()).toEqual(before)
  })

  test('that removes VM and snapshot: says so, and leaves nothing behind', async () => {
    await using world = await protectWorld()
    const { client } = world.xapi
    const frozen = await freeze(world)
    await client.VM.hard_shutdown(world.vm)
    await client.VM.destroy(world.vm)
    for (const disk of world.disks) await client.VDI.destroy(disk)
    const opened = await openFirst(world.session, frozen)
    expect(await lengthOf(opened)).toBe(12 * MiB)
    await opened[Symbol.asyncDispose]()
    await world.session.protect.release(frozen)
    expect(await world.session.protect.strays()).toEqual([])
    await expect(openFirst(world.session, frozen)).rejects.toMatchObject({ code: 'protect.frozen_gone' })
    await expect(freeze(world)).rejects.toMatchObject({ code: 'vm.not_found' })
    await world.session.protect.release(frozen)
  })

  test.each<[name: string, error: readonly string[], code: string]>([
    ['the storage is full', ['SR_BACKEND_FAILURE_44', '', 'There is insufficient space', ''], 'protect.storage_full'],
    [
      'the chain is too long',
      ['SR_BACKEND_FAILURE_109', '', 'The snapshot chain is too long', ''],
      'protect.chain_too_long',
    ],
    ['the host has a fault', ['INTERNAL_ERROR', 'Not_found'], 'protect.snapshot_failed'],
    ['something else goes on', ['OTHER_OPERATION_IN_PROGRESS', 'VM', '{ref}', 'migrate_send', 'x'], 'vm.busy'],
  ])('a snapshot that can not be taken because %s is one sentence, and nothing is left', async (_, error, code) => {
    await using world = await protectWorld()
    const before = await world.inventory()
    world.toolstack.pools[0]?.faults.add({ method: 'VM.snapshot', error: error as [string, ...string[]] })
    await expect(freeze(world)).rejects.toMatchObject({ code })
    expect(world.journal.open).toEqual([])
    expect(await world.inventory()).toEqual(before)
  })

  test('that kills this process: the steps of the journal remove what is left, whatever it is', async () => {
    await using world = await protectWorld()
    const before = await world.inventory()
    // Fails after the snapshot was taken, and the removal as well: as if nobody were there any more.
    const faults = world.toolstack.pools[0]?.faults
    const rules = ['VM.set_other_config', 'VM.get_by_name_label'].map((method) =>
      faults?.add({ method, error: ['INTERNAL_ERROR', 'x'] }),
    )
    await expect(freeze(world)).rejects.toMatchObject({ code: 'protect.snapshot_failed' })
    expect(world.journal.open).toHaveLength(1)
    expect((await world.inventory()).vms.length).toBe(before.vms.length + 1)
    for (const rule of rules) rule?.remove()
    expect((await world.session.protect.strays()).map(({ kind, owner }) => [kind, owner])).toEqual([['snapshot', '']])
    await world.journal.clean(world.session.protect)
    expect(await world.inventory()).toEqual(before)
  })
})

describe('freezing', () => {
  test('with memory keeps what the VM holds there', async () => {
    await using world = await protectWorld()
    const before = await world.inventory()
    const { protect } = world.session
    const frozen = await protect.freeze(world.vmId, { owner: 'job1', mode: 'memory', journal: world.journal })
    expect(frozen.disks.map(({ key }) => key)).toEqual([expect.any(String), expect.any(String), 'memory'])
    await using opened = await protect.openDisk(frozen, 'memory')
    const memory = await takeIn(opened)
    await opened[Symbol.asyncDispose]()
    const kept = await protect.keep(frozen, { data: 'purge' })
    expect(kept.disks.map((disk) => disk.kept)).toEqual(['log', 'log', 'nothing'])
    for (const { token } of frozen.disks) await protect.drop(token)
    expect(await world.inventory()).toEqual(before)
    const plan = await protect.planRestore({ config: frozen.config, identity: { kind: 'new' }, disks: ['memory'] })
    const { vm } = await protect.restore(plan, {
      owner: 'restore',
      journal: world.journal,
      onDisk: () => Promise.resolve(diskOf(memory)),
    })
    const ref = await world.xapi.client.VM.get_by_uuid(vm.split('.')[2] ?? '')
    expect(await world.xapi.client.VM.get_power_state(ref)).toBe('Suspended')
  })

  test('refuses what is not possible, with a sentence', async () => {
    await using world = await protectWorld()
    const { protect } = world.session
    const options = { owner: 'job1', journal: world.journal }
    await expect(protect.freeze(world.vmId, { ...options, mode: 'halted' })).rejects.toMatchObject({
      code: 'vm.bad_power_state',
    })
    await expect(protect.freeze(world.vmId, { ...options, quiesce: 'require' })).rejects.toMatchObject({
      code: 'protect.cannot_quiesce',
    })
    await expect(protect.freeze(world.vmId, { ...options, exclude: () => 'No.' })).rejects.toMatchObject({
      code: 'protect.nothing_to_freeze',
    })
    const stopped = AbortSignal.abort(new Error('stop'))
    await expect(protect.freeze(world.vmId, { ...options, signal: stopped })).rejects.toThrow('stop')
    const exclude = ({ name }: { name: string }): string | undefined =>
      name === 'disk 1' ? 'It is scratch.' : undefined
    const frozen = await protect.freeze(world.vmId, { ...options, exclude, quiesce: 'try' })
    expect(frozen.disks.map(({ name }) => name)).toEqual(['disk 0'])
    expect(frozen.excluded.map(({ disk, reason }) => [disk.name, reason])).toEqual([['disk 1', 'It is scratch.']])
    expect(frozen.notes.map(({ code }) => code)).toEqual(['not-quiesced'])
    await protect.release(frozen)
  })

  test('keeps the line of a VM, and gives a clone its own', async () => {
    await using world = await protectWorld()
    const { client } = world.xapi
    const first = await freeze(world)
    const second = await freeze(world)
    expect(second.config.lineage).toBe(first.config.lineage)
    await client.VM.hard_shutdown(world.vm)
    const uuid = await client.VM.get_uuid(await client.VM.clone(world.vm, 'a clone'))
    const clone = await world.session.protect.freeze(world.idOf(uuid), { owner: 'job1', journal: world.journal })
    expect(clone.config.lineage).not.toBe(first.config.lineage)
    for (const frozen of [first, second, clone]) await world.session.protect.release(frozen)
    expect(await world.session.protect.strays()).toEqual([])
  })

  test('the pool tells its database as XML', async () => {
    await using world = await protectWorld()
    const xml = Buffer.from(await collectBytes(world.session.protect.poolMetadata())).toString()
    expect(xml).toContain('payroll')
  })
})
