import { MiB } from '@nixen/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConfigDisk, RestoreOptions, RestoreRequest, RestoredVm, VmConfig } from '../src/index.ts'
import { diskOf, noise, protectWorld, takeIn, type Inventory, type World } from './protect-world.ts'

let world: World
let atStart: Inventory
let config: VmConfig
/** What was backed up, by key. */
const contents = new Map<string, Buffer>()

beforeAll(async () => {
  world = await protectWorld()
  await world.write(0, 0, noise(1, 100_000))
  await world.write(0, 7 * MiB + 512, noise(2, MiB))
  await world.write(1, 5 * MiB, noise(3, 64 * 1024))
  const { protect } = world.session
  const frozen = await protect.freeze(world.vmId, { owner: 'job1', journal: world.journal })
  config = JSON.parse(JSON.stringify(frozen.config)) as VmConfig // As it comes back from a repository.
  for (const { key } of frozen.disks) {
    await using opened = await protect.openDisk(frozen, key)
    contents.set(key, await takeIn(opened))
  }
  await protect.keep(frozen, { data: 'nothing' })
  world.journal.open.length = 0
  atStart = await world.inventory()
}, 30_000)
afterAll(async () => await world[Symbol.asyncDispose]())

const onDisk = ({ key }: ConfigDisk): Promise<ReturnType<typeof diskOf>> =>
  Promise.resolve(diskOf(contents.get(key) ?? new Uint8Array(0)))

async function restore(
  request: Omit<RestoreRequest, 'config'> & Partial<Pick<RestoreRequest, 'config'>>,
  options: Partial<RestoreOptions> = {},
): Promise<RestoredVm> {
  const { protect } = world.session
  const plan = await protect.planRestore({ config, ...request })
  return await protect.restore(plan, { owner: 'restore', onDisk, journal: world.journal, ...options })
}

/** The disks are at the positions in the order of the config. */
async function expectContents({ vm }: { readonly vm: string }): Promise<void> {
  for (const [position, { key }] of config.disks.entries()) {
    const content = await world.content(position, vm.split('.')[2])
    expect(Buffer.compare(content, contents.get(key) ?? Buffer.alloc(0)), `disk ${position}`).toBe(0)
  }
}

async function removeVm({ vm, disks }: RestoredVm): Promise<void> {
  const { client } = world.xapi
  const ref = await client.VM.get_by_uuid(vm.split('.')[2] ?? '')
  if ((await client.VM.get_power_state(ref)) !== 'Halted') await client.VM.hard_shutdown(ref)
  await client.VM.destroy(ref)
  for (const { uuid } of disks) await client.VDI.destroy(await client.VDI.get_by_uuid(uuid))
  expect(await world.inventory()).toEqual(atStart)
}

describe('a restore to a new VM', () => {
  test('makes the same VM again, byte for byte, and starts it', async () => {
    const restored = await restore({ identity: { kind: 'new' }, name: 'payroll again', addTags: ['back'], start: true })
    expect(restored).toMatchObject({ name: 'payroll again', started: true, notes: [] })
    await expectContents(restored)
    const { client } = world.xapi
    const vm = await client.VM.get_record(await client.VM.get_by_uuid(restored.vm.split('.')[2] ?? ''))
    const old = await client.VM.get_record(world.vm)
    expect(vm).toMatchObject({
      name_description: old.name_description,
      tags: ['gold', 'back'],
      platform: old.platform,
      HVM_boot_params: old.HVM_boot_params,
      NVRAM: old.NVRAM,
      domain_type: 'hvm',
      VCPUs_max: 2,
      memory_static_max: old.memory_static_max,
      blocked_operations: {},
    })
    expect(vm.other_config).toMatchObject({ department: 'finance' })
    expect(Object.keys(vm.other_config)).not.toContain('nixen:restoring')
    // A line of backups of its own.
    expect(vm.other_config['nixen:lineage']).not.toContain(config.lineage)
    const vbds = await Promise.all(vm.VBDs.map((ref) => client.VBD.get_record(ref)))
    expect(new Set(vbds.map(({ userdevice, type, bootable }) => [userdevice, type, bootable]))).toEqual(
      new Set([
        ['0', 'Disk', true],
        ['1', 'Disk', false],
        ['3', 'CD', false],
      ]),
    )
    const [vif] = await Promise.all(vm.VIFs.map((ref) => client.VIF.get_record(ref)))
    const [oldVif] = await Promise.all(old.VIFs.map((ref) => client.VIF.get_record(ref)))
    expect(vif?.network).toBe(oldVif?.network)
    expect(vif?.MAC).not.toBe(oldVif?.MAC)
    const names = await Promise.all(
      restored.disks.map(async ({ uuid }) => client.VDI.get_name_label(await client.VDI.get_by_uuid(uuid))),
    )
    expect(names).toEqual(['disk 0', 'disk 1'])
    expect(world.journal.open).toEqual([])
    expect(await world.session.protect.strays()).toEqual([])
    await removeVm(restored)
  })

  test('takes the place of a lost VM: same addresses, same line of backups', async () => {
    const lost: VmConfig = { ...config, lineage: 'of-a-lost-vm' }
    const restored = await restore({ config: lost, identity: { kind: 'same' }, disks: [config.disks[1]?.key ?? ''] })
    const { client } = world.xapi
    const vm = await client.VM.get_record(await client.VM.get_by_uuid(restored.vm.split('.')[2] ?? ''))
    expect(vm.name_label).toBe('payroll')
    expect(vm.other_config['nixen:lineage']).toBe(`${lost.lineage} ${vm.uuid}`)
    expect(restored.disks).toHaveLength(1)
    expect(await client.VIF.get_MAC(vm.VIFs[0] ?? ('' as never))).toBe('02:00:00:00:00:11')
    await removeVm(restored)
  })

  test('does not take the place of a VM that is still there', async () => {
    const { problems } = await world.session.protect.planRestore({ config, identity: { kind: 'same' } })
    expect(problems).toEqual(['The VM is still there, as payroll. Restore into it, or as a new one.'])
    await expect(restore({ identity: { kind: 'same' } })).rejects.toMatchObject({ code: 'protect.plan_impossible' })
    expect(await world.inventory()).toEqual(atStart)
  })

  test('is planned first: what is missing is said, and nothing is changed', async () => {
    const { protect } = world.session
    const elsewhere: VmConfig = {
      ...config,
      disks: config.disks.map((disk) => ({ ...disk, storage: { key: 'gone', name: 'Old NAS' } })),
      nics: config.nics.map((nic) => ({ ...nic, network: { key: 'gone', name: 'Old LAN' } })),
    }
    const plan = await protect.planRestore({ config: elsewhere, identity: { kind: 'new' } })
    expect(plan.nics.map(({ network }) => network)).toEqual([null])
    expect(plan.notes.map(({ code }) => code)).toContain('network-missing')
    const impossible = await protect.planRestore({
      config,
      identity: { kind: 'new' },
      storage: 'storage.test.none' as never,
    })
    expect(impossible.problems).toHaveLength(3)
    const options = { owner: 'x', onDisk, journal: world.journal }
    await expect(protect.restore(impossible, options)).rejects.toMatchObject({ code: 'protect.plan_impossible' })
    expect(await world.inventory()).toEqual(atStart)
  })

  test('leaves nothing behind when the content can not be read any more', async () => {
    const broken = async (disk: ConfigDisk): Promise<ReturnType<typeof diskOf>> => {
      const source = await onDisk(disk)
      if (disk.position === '1') return source
      const read: typeof source.read = async (offset, into) =>
        offset < 6 * MiB ? await source.read(offset, into) : await Promise.reject(new Error('the repository is gone'))
      return { ...source, read }
    }
    await expect(restore({ identity: { kind: 'new' } }, { onDisk: broken })).rejects.toThrow('the repository is gone')
    expect(world.journal.open).toEqual([])
    expect(await world.inventory()).toEqual(atStart)
  })

  test.each([
    [
      'the storage is full',
      { method: 'VDI.create', count: 1, error: ['SR_BACKEND_FAILURE_44', '', 'There is insufficient space', ''] },
      'protect.storage_full',
    ],
    ['the upload is cut', { stream: '/import*', count: 2, cutAfter: MiB }, 'protect.restore_failed'],
    ['the VM is refused', { method: 'VM.create', count: 1, error: ['INTERNAL_ERROR', 'no'] }, 'xapi.INTERNAL_ERROR'],
  ] as const)('leaves nothing behind when %s', async (_, rule, code) => {
    world.toolstack.pools[0]?.faults.add(rule)
    await expect(restore({ identity: { kind: 'new' } })).rejects.toMatchObject({ code })
    expect(world.journal.open).toEqual([])
    expect(await world.inventory()).toEqual(atStart)
  })

  test('is taken back by its steps when it was interrupted for good', async () => {
    const never = new Promise<never>(() => undefined)
    const stopped = async (disk: ConfigDisk): Promise<ReturnType<typeof diskOf>> => {
      if (disk.position === '0') return await onDisk(disk)
      return await never
    }
    void restore({ identity: { kind: 'new' } }, { onDisk: stopped }).catch(() => undefined)
    await expect
      .poll(() => world.journal.open.map(({ kind }) => kind), { timeout: 10_000 })
      .toEqual(['protect.vm', 'protect.disk'])
    await expect
      .poll(async () => (await world.session.protect.strays()).map(({ kind }) => kind), { timeout: 10_000 })
      .toEqual(['restore', 'restore'])
    const { client } = world.xapi
    const vm = [...(await client.VM.get_all_records())].find(([, { name_label }]) =>
      name_label.startsWith('payroll [nixen'),
    )
    await expect(client.VM.start(vm?.[0] ?? ('' as never), false, false)).rejects.toMatchObject({
      code: 'OPERATION_BLOCKED',
    })
    // The disk may still be plugged in when the steps are undone.
    await world.journal.clean(world.session.protect)
    await expect.poll(() => world.inventory(), { timeout: 10_000 }).toEqual(atStart)
  })
})

describe('a restore into the VM', () => {
  test('is refused while it runs', async () => {
    const plan = await world.session.protect.planRestore({ config, identity: { kind: 'into', vm: world.vmId } })
    expect(plan.problems).toEqual([expect.stringContaining('halted')])
  })

  test('writes only the blocks that differ, and has the old disks until all is there', async () => {
    await world.write(0, 3 * MiB, noise(9, 70_000))
    await world.write(0, 7 * MiB, new Uint8Array(2 * MiB))
    await world.xapi.client.VM.hard_shutdown(world.vm)
    const identity = { kind: 'into', vm: world.vmId } as const
    const broken = async (disk: ConfigDisk): Promise<ReturnType<typeof diskOf>> =>
      disk.position === '0' ? await onDisk(disk) : await Promise.reject(new Error('the repository is gone'))
    const before = [...(await world.inventory()).vdis]
    await expect(restore({ identity }, { onDisk: broken })).rejects.toThrow('the repository is gone')
    expect((await world.inventory()).vdis).toEqual(before)
    expect(await world.xapi.client.VM.get_blocked_operations(world.vm)).toEqual({})

    const restored = await restore({ identity, start: true })
    expect(restored.disks.map(({ mode }) => mode)).toEqual(['difference', 'difference'])
    // Blocks of 2 MiB: one with the 70,000 bytes, two with the 2 MiB; nothing of the second disk.
    expect(restored.disks[0]?.sentBytes).toBeLessThan(6.5 * MiB)
    expect(restored.disks[1]?.sentBytes).toBe(0)
    expect(restored.started).toBe(true)
    await expectContents(restored)
    expect(await world.session.protect.strays()).toEqual([])
    expect((await world.inventory()).vdis).toHaveLength(before.length)
    expect((await world.inventory()).vms).toEqual(atStart.vms)
  })
})
