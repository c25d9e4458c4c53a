import assert from 'node:assert/strict'
import { isAppError } from '@nixen/core'
import { certificates, passthrough } from './acting-devices.ts'
import type { ActingWorld } from './acting-world.ts'
import { emptyTemplate, localStorage, MiB, newDisk, runningVm } from './acting-things.ts'

interface Done {
  readonly name: string
  readonly run: (world: ActingWorld) => Promise<void>
}

/** Each action of the contract does what it says: seen in the inventory. */
export const doing: readonly Done[] = [
  { name: 'switches VMs on and off in every way', run: powers },
  { name: 'changes every option of a VM', run: settings },
  { name: 'snapshots, clones, copies, converts and deletes VMs', run: copies },
  { name: 'attaches and detaches disks, media and NICs', run: devices },
  { name: 'makes, changes, resizes, copies and deletes disks', run: disks },
  { name: 'makes, changes and removes networks', run: networks },
  { name: 'empties hosts and lets them take VMs again', run: hosts },
  { name: 'passes PCI, USB and graphics devices through', run: passthrough },
  { name: 'installs and resets certificates of hosts', run: certificates },
  { name: 'changes pools and storages', run: pools },
  { name: 'puts storages in maintenance and takes them out', run: maintenance },
  { name: 'refuses what makes no sense with an error of the contract', run: refuses },
]

async function powers(world: ActingWorld): Promise<void> {
  const { vm } = world.actions
  const { id } = world.one('vm', (one) => one.power === 'running' && one.agent?.drivers === true)
  const becomes = async (power: string, work: Parameters<ActingWorld['run']>[0]): Promise<void> => {
    await world.run(work)
    await world.sees(id, (one) => one.power === power, `it is ${power}`)
  }
  await becomes('paused', async (task) => vm.pause({ id }, task))
  await becomes('running', async (task) => vm.unpause({ id }, task))
  await becomes('suspended', async (task) => vm.suspend({ id }, task))
  await becomes('running', async (task) => vm.resume({ id }, task))
  await becomes('running', async (task) => vm.reboot({ id }, task))
  await becomes('running', async (task) => vm.hardReboot({ id }, task))
  await becomes('halted', async (task) => vm.shutdown({ id }, task))
  await becomes('paused', async (task) => vm.start({ id, paused: true }, task))
  await becomes('halted', async (task) => vm.hardShutdown({ id }, task))
  const host = world.one('host').id
  await becomes('running', async (task) => vm.start({ id, host, paused: false }, task))
  await world.sees(id, (one) => one.host === host, 'it runs on the host that was asked for')
  await becomes('halted', async (task) => vm.hardShutdown({ id }, task))
  await becomes('running', async (task) => vm.recover({ id }, task))
}

async function settings(world: ActingWorld): Promise<void> {
  const { vm } = world.actions
  const { id } = world.one('vm', ({ power }) => power === 'halted')
  const homeHost = world.one('host').id
  await world.run(async (task) =>
    vm.update(
      {
        id,
        name: 'renamed',
        description: 'Described.',
        tags: ['b', 'a', 'a'],
        autoStart: true,
        ha: 'best-effort',
        homeHost,
        blocked: { delete: 'mine' },
        notes: '# To do',
        fields: { owner: 'ada', cost: '7' },
      },
      task,
    ),
  )
  await world.run(async (task) =>
    vm.update(
      {
        id,
        cpuMask: [0, 1],
        cpuWeight: 512,
        cpuCap: 150,
        nicType: 'e1000',
        viridian: true,
        serial: 'pty',
        videoMemory: 16,
        videoCard: 'std',
        nested: false,
        guestData: { role: 'web' },
        afterCrash: 'preserve',
        startOrder: 2,
        startDelay: 5,
        shutdownDelay: 6,
      },
      task,
    ),
  )
  const { record } = await world.session.native(id)
  // What the inventory does not tell is in the record of the host.
  for (const value of ['0,1', '512', 'e1000', 'pty', 'web'])
    assert.ok(JSON.stringify(record).includes(`"${value}"`), value)
  await world.run(async (task) => vm.setCpus({ id, count: 2, max: 4 }, task))
  await world.run(async (task) => vm.setMemory({ id, size: 256 * MiB, min: 128 * MiB }, task))
  await world.run(async (task) => vm.setFirmware({ id, firmware: 'uefi' }, task))
  await world.run(async (task) => vm.setSecureBoot({ id, on: true }, task))
  await world.run(async (task) => vm.addTpm({ id }, task))
  await world.run(async (task) => vm.setBoot({ id, order: ['network', 'disk'] }, task))
  const seen = await world.sees(id, (one) => one.tpm === true && one.name === 'renamed', 'it is changed')
  const { description, tags, autoStart, ha, vcpus, vcpusMax, memory, memoryMin, memoryMax, firmware, secureBoot } = seen
  assert.deepEqual(
    { description, tags, autoStart, ha, vcpus, vcpusMax, memory, memoryMin, memoryMax, firmware, secureBoot },
    {
      description: 'Described.',
      tags: ['a', 'b'],
      autoStart: true,
      ha: 'best-effort',
      vcpus: 2,
      vcpusMax: 4,
      memory: 256 * MiB,
      memoryMin: 128 * MiB,
      memoryMax: 256 * MiB,
      firmware: 'uefi',
      secureBoot: true,
    },
  )
  assert.equal(seen.homeHost, homeHost)
  assert.equal(seen.blocked?.['delete'], 'mine')
  assert.equal(seen.notes, '# To do')
  assert.deepEqual(seen.fields, { owner: 'ada', cost: '7' })
  await world.run(async (task) => vm.removeTpm({ id }, task))
  await world.run(async (task) =>
    vm.update({ id, homeHost: null, blocked: { delete: null }, notes: '', fields: { owner: null, cost: null } }, task),
  )
  await world.sees(
    id,
    (one) => one.tpm !== true && one.homeHost === undefined && !one.blocked && one.notes === undefined && !one.fields,
    'it is changed back',
  )
}

async function copies(world: ActingWorld): Promise<void> {
  const { vm, snapshot, template } = world.actions
  const { id } = world.one(
    'vm',
    ({ power, snapshots, drives }) => power === 'halted' && snapshots === 0 && drives.length > 0,
  )
  const first = async (work: Parameters<ActingWorld['run']>[0]) => (await world.run(work)).made?.[0] as never
  const kept = await first(async (task) => vm.snapshot({ id, name: 'before', quiesce: false }, task))
  await world.sees<'snapshot'>(kept, (one) => one.name === 'before', 'the snapshot')
  await world.run(async (task) => snapshot.revert({ id: kept, keep: false, start: false }, task))
  const clone = await first(async (task) => snapshot.clone({ id: kept, name: 'from the past' }, task))
  await world.sees<'vm'>(clone, (one) => one.name === 'from the past', 'the VM of the snapshot')
  await world.run(async (task) => snapshot.delete({ id: kept }, task))
  await world.gone(kept)
  const quick = await first(async (task) => vm.clone({ id, name: 'clone' }, task))
  const full = await first(async (task) => vm.copy({ id, name: 'copy', storage: localStorage(world).id }, task))
  await world.sees<'vm'>(full, (one) => one.name === 'copy', 'the copy')
  const made = await first(async (task) => vm.convertToTemplate({ id: quick }, task))
  await world.sees<'template'>(made, (one) => one.name === 'clone', 'the template')
  const other = await first(async (task) => template.clone({ id: made, name: 'second' }, task))
  await world.sees<'template'>(other, (one) => one.name === 'second', 'the second template')
  await world.run(async (task) => template.delete({ id: other }, task))
  await world.gone(other)
  const back = await first(async (task) => template.convertToVm({ id: made }, task))
  await world.sees<'vm'>(back, (one) => one.name === 'clone', 'the VM of the template')
  for (const one of [clone, full, back]) {
    const { drives } = await world.sees<'vm'>(one, () => true, 'the VM')
    await world.run(async (task) => vm.delete({ id: one, keepDisks: [], snapshots: true }, task))
    await world.gone(one)
    for (const { disk, kind } of drives) if (disk !== undefined && kind === 'disk') await world.gone(disk)
  }
}

async function devices(world: ActingWorld): Promise<void> {
  const { vm, nic } = world.actions
  const { id, nics } = world.one('vm', (one) => one.power === 'running' && one.agent?.drivers === true)
  const disk = await newDisk(world, 'plugged')
  await world.run(async (task) => vm.attachDisk({ id, disk, readOnly: false, boot: false }, task))
  await world.sees(
    id,
    ({ drives }) => drives.some((one) => one.disk === disk && one.attached === true),
    'it is plugged',
  )
  await world.run(async (task) => vm.detachDisk({ id, disk }, task))
  await world.sees(id, ({ drives }) => !drives.some((one) => one.disk === disk), 'it is detached')
  await world.sees(disk, ({ vms }) => vms.length === 0, 'the disk stays')
  const network = world.one('network').id
  const { made } = await world.run(async (task) => vm.addNic({ id, network, mac: '52:54:00:aa:bb:cc' }, task))
  const added = made?.[0] as never
  await world.sees<'nic'>(added, ({ mac, attached }) => mac === '52:54:00:aa:bb:cc' && attached, 'the NIC')
  await world.run(async (task) => nic.update({ id: added, locking: 'locked', allowedIps: ['192.0.2.7'] }, task))
  await world.sees<'nic'>(added, ({ locking }) => locking === 'locked', 'it is locked')
  await world.run(async (task) => nic.disconnect({ id: added }, task))
  await world.sees<'nic'>(added, ({ attached }) => !attached, 'it is unplugged')
  await world.run(async (task) => nic.connect({ id: added }, task))
  await world.run(async (task) => vm.removeNic({ id, nic: added }, task))
  await world.sees(id, (one) => one.nics.length === nics.length, 'the NIC is gone')
}

async function disks(world: ActingWorld): Promise<void> {
  const { disk } = world.actions
  const id = await newDisk(world, 'mine')
  await world.run(async (task) => disk.update({ id, name: 'ours', description: 'Of us.', tags: ['x'] }, task))
  await world.run(async (task) => disk.resize({ id, size: 16 * MiB }, task))
  await world.sees(id, ({ name, size }) => name === 'ours' && size === 16 * MiB, 'it is changed')
  const { made } = await world.run(async (task) => disk.copy({ id, storage: localStorage(world).id }, task))
  const copy = made?.[0] as never
  await world.sees<'disk'>(copy, ({ name }) => name === 'ours (copy)', 'the copy')
  for (const one of [copy, id]) {
    await world.run(async (task) => disk.delete({ id: one }, task))
    await world.gone(one)
  }
}

async function networks(world: ActingWorld): Promise<void> {
  const { network } = world.actions
  const pool = world.one('pool').id
  const { made } = await world.run(async (task) => network.create({ pool, name: 'inside', description: '' }, task))
  const id = made?.[0] as never
  await world.sees<'network'>(id, ({ name }) => name === 'inside', 'the network')
  await world.run(async (task) => network.update({ id, name: 'within', mtu: 9000, nbd: 'insecure' }, task))
  await world.sees<'network'>(
    id,
    ({ name, mtu, nbd }) => name === 'within' && mtu === 9000 && nbd === true,
    'it is changed',
  )
  await world.run(async (task) => network.delete({ id }, task))
  await world.gone(id)
}

async function hosts(world: ActingWorld): Promise<void> {
  const { host } = world.actions
  const { id } = world.one('host', ({ master }) => !master)
  await world.run(async (task) => host.update({ id, name: 'rack-9', description: 'Top.', tags: ['t'] }, task))
  await world.run(async (task) => host.enterMaintenance({ id }, task))
  await world.sees(id, (one) => !one.enabled && one.vms === 0 && one.name === 'rack-9', 'it is empty')
  await world.run(async (task) => host.leaveMaintenance({ id }, task))
  await world.sees(id, (one) => one.enabled, 'it takes VMs')
}

async function pools(world: ActingWorld): Promise<void> {
  const { pool, storage } = world.actions
  const { id } = world.one('pool')
  await world.run(async (task) => pool.update({ id, name: 'ours', autoStart: true }, task))
  await world.sees(id, ({ name, autoStart }) => name === 'ours' && autoStart === true, 'it is changed')
  const one = localStorage(world).id
  await world.run(async (task) => storage.update({ id: one, name: 'fast', tags: ['ssd'] }, task))
  await world.run(async (task) => storage.makeDefault({ id: one }, task))
  await world.run(async (task) => storage.scan({ id: one }, task))
  await world.sees(one, ({ name }) => name === 'fast', 'it is renamed')
  await world.sees(id, ({ defaultStorage }) => defaultStorage === one, 'it is the default')
}

async function maintenance(world: ActingWorld): Promise<void> {
  const { storage } = world.actions
  const vm = runningVm(world)
  const used = world.one('disk', ({ vms, kind }) => kind === 'disk' && vms.includes(vm.id))
  const id = used.storage
  await assert.rejects(
    world.run(async (task) => storage.enterMaintenance({ id, shutdown: false, force: false }, task)),
    (error: Error) => error.message.includes(vm.name),
  )
  await world.run(async (task) => storage.enterMaintenance({ id, shutdown: true, force: true }, task))
  await world.sees(id, (one) => one.maintenance === true && one.state === 'detached', 'it is in maintenance')
  await world.sees(vm.id, ({ power }) => power === 'halted', 'its VM is shut down')
  await world.run(async (task) => storage.leaveMaintenance({ id, start: true }, task))
  await world.sees(id, (one) => one.maintenance !== true && one.state === 'ok', 'it is attached')
  await world.sees(vm.id, ({ power }) => power === 'running', 'its VM runs again')
  // The disks of what runs may move away instead.
  const moveTo = world.one('storage', (one) => one.content === 'disks' && one.id !== id && one.state === 'ok').id
  await world.run(async (task) => storage.enterMaintenance({ id, moveTo, shutdown: false, force: false }, task))
  await world.sees(vm.id, ({ power }) => power === 'running', 'it runs on')
  await world.run(async (task) => storage.leaveMaintenance({ id, start: true }, task))
  await world.sees(id, (one) => one.maintenance !== true, 'it is out of maintenance')
}

async function refuses(world: ActingWorld): Promise<void> {
  const { vm, disk, template } = world.actions
  const running = world.one('vm', ({ power }) => power === 'running').id
  const used = world.one(
    'vm',
    ({ power, drives }) => power === 'running' && drives.some((one) => one.attached === true),
  )
  const drive = used.drives.find(({ kind, attached }) => kind === 'disk' && attached === true)?.disk
  assert.ok(drive)
  const own = emptyTemplate(world).id
  const wrong: readonly (readonly [RegExp, Parameters<ActingWorld['run']>[0]])[] = [
    [/^vm\.bad_power_state$/, async (task) => vm.start({ id: running, paused: false }, task)],
    [
      /^vm\.not_found$/,
      async (task) => vm.start({ id: `${running.slice(0, -12)}000000000000` as never, paused: false }, task),
    ],
    [/^(disk\.in_use|xapi\.)/, async (task) => disk.delete({ id: drive }, task)],
    [
      /^xapi\.VM_(CANNOT_DELETE_DEFAULT|IS)_TEMPLATE$|^connection\.unsupported$/,
      async (task) => template.delete({ id: own }, task),
    ],
  ]
  for (const [code, work] of wrong) {
    await assert.rejects(world.run(work), (error) => {
      assert.ok(isAppError(error), `${String(error)} is not of the contract`)
      assert.match(error.code, code)
      assert.ok(!/OpaqueRef|undefined/.test(error.message), error.message)
      return true
    })
  }
}
