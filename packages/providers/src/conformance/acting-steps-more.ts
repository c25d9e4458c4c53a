import assert from 'node:assert/strict'
import { parseId } from '@nixen/api'
import type { MultiStep } from './acting-steps.ts'
import { localStorage, newDisk, newVm, physical, ready, runningVm } from './acting-things.ts'

/** More actions that make or change several things: of disks and devices first, then of storages, networks, hosts and pools. */
export const moreSteps: readonly MultiStep[] = [
  {
    name: 'makes a VM of a snapshot',
    done: (world) => world.all('vm').some(({ name }) => name === 'from then'),
    calls: 8,
    prepare: async (world) => {
      const id = await newVm(world, 'original')
      const { made } = await world.run(async (task) =>
        world.actions.vm.snapshot({ id, name: 'then', quiesce: false }, task),
      )
      const { id: snapshot } = await world.sees<'snapshot'>(made?.[0] as never, () => true, 'the snapshot')
      return async (task) => world.actions.snapshot.clone({ id: snapshot, name: 'from then' }, task)
    },
  },
  {
    name: 'copies a disk',
    calls: 6,
    prepare: async (world) => {
      const id = await newDisk(world, 'to copy')
      return async (task) => world.actions.disk.copy({ id, storage: localStorage(world).id, name: 'copied' }, task)
    },
  },
  {
    name: 'deletes a disk that a halted VM has',
    done: (world) => !world.all('disk').some(({ name }) => name === 'to delete'),
    calls: 6,
    prepare: async (world) => {
      const disk = await newDisk(world, 'to delete')
      const { id } = world.one('vm', ({ power }) => power === 'halted')
      await world.run(async (task) => world.actions.vm.attachDisk({ id, disk, readOnly: false, boot: false }, task))
      await world.sees(disk, ({ vms }) => vms.length === 1, 'it is attached')
      return async (task) => world.actions.disk.delete({ id: disk }, task)
    },
  },
  {
    name: 'takes a disk off a running VM',
    done: (world) => world.all('disk').some(({ name, vms }) => name === 'to take off' && vms.length === 0),
    calls: 8,
    prepare: async (world) => {
      const disk = await newDisk(world, 'to take off')
      const { id } = runningVm(world)
      await world.run(async (task) => world.actions.vm.attachDisk({ id, disk, readOnly: false, boot: false }, task))
      await world.sees(disk, ({ attached }) => attached, 'it is attached')
      return async (task) => world.actions.vm.detachDisk({ id, disk }, task)
    },
  },
  {
    name: 'removes a NIC of a running VM',
    calls: 6,
    prepare: (world) => {
      const { id, nics } = runningVm(world)
      const [nic] = nics
      assert.ok(nic)
      return ready(async (task) => world.actions.vm.removeNic({ id, nic }, task))
    },
  },
  {
    name: 'starts a VM from its installation media',
    // It runs as soon as it was started; the boot order is put back all the same.
    done: (world) => world.all('vm').some(({ name, power }) => name === 'to recover' && power === 'running'),
    calls: 5,
    prepare: async (world) => {
      const id = await newVm(world, 'to recover')
      return async (task) => world.actions.vm.recover({ id }, task)
    },
  },
  {
    name: 'passes a USB device through',
    calls: 6,
    prepare: async (world) => {
      const { id } = world.one('vm', ({ power }) => power === 'halted')
      const devices = await world.session.inspect.devices(world.one('host').id)
      const device = devices.find(({ kind }) => kind === 'usb')?.key
      assert.ok(device, 'the host has a USB device')
      return async (task) => world.actions.vm.attachUsb({ id, device }, task)
    },
  },
  {
    name: 'puts a storage in maintenance',
    calls: 20,
    dies: true,
    ignore: ['host', 'vms'],
    prepare: (world) => {
      const vm = runningVm(world)
      const used = world.one('disk', ({ vms, kind }) => kind === 'disk' && vms.includes(vm.id))
      return ready(async (task) =>
        world.actions.storage.enterMaintenance({ id: used.storage, shutdown: true, force: true }, task),
      )
    },
  },
  {
    name: 'makes another storage the default',
    calls: 6,
    prepare: (world) => {
      const { id } = world.one('storage', (one) => one.content === 'disks' && one.default !== true)
      return ready(async (task) => world.actions.storage.makeDefault({ id }, task))
    },
  },
  {
    name: 'attaches a storage that is there already',
    done: (world) => world.all('storage').some(({ name, state }) => name === 'files' && state === 'ok'),
    calls: 8,
    prepare: async (world) => {
      const host = world.one('host').id
      const source = { kind: 'file', path: world.target.folder } as const
      const request = { host, name: 'files', description: '', source, rootFileSystem: true }
      const { storage } = world.actions
      const { made: [made] = [] } = await world.run(async (task) => storage.create(request, task))
      const { id } = await world.sees<'storage'>(made as never, ({ state }) => state === 'ok', 'the storage')
      await world.run(async (task) => storage.disconnect({ id }, task))
      await world.run(async (task) => storage.forget({ id }, task))
      await world.gone(id)
      const existing = parseId(id)?.key ?? ''
      return async (task) => storage.create({ ...request, existing }, task)
    },
  },
  {
    name: 'makes a private network between hosts',
    calls: 10,
    prepare: async (world) => {
      const pool = world.one('pool').id
      const [nic] = physical(world)
      const request = { pool, name: 'between', description: '', tunnel: { nic, protocol: 'vxlan' as const } }
      await assert.rejects(
        world.run(async (task) => world.actions.network.create(request, task)),
        /no SDN controller/,
      )
      await world.run(async (task) =>
        world.actions.pool.setSdnController({ id: pool, address: '192.0.2.1', port: 6640 }, task),
      )
      return async (task) => world.actions.network.create(request, task)
    },
  },
  {
    name: 'turns on high availability',
    calls: 6,
    prepare: (world) => {
      const { id } = world.one('pool')
      const storage = world.one('storage', ({ shared, content }) => shared && content === 'disks').id
      return ready(async (task) => world.actions.pool.enableHa({ id, storages: [storage], failures: 1 }, task))
    },
  },
  {
    name: 'suspends the VMs of a host and shuts it down',
    calls: 16,
    prepare: (world) => {
      const { id } = world.one('host', ({ master }) => !master)
      return ready(async (task) => world.actions.host.emergencyShutdown({ id }, task))
    },
  },
  { ...rolling('rollingReboot', 'reboots all hosts of a pool'), dies: true },
  rolling('rollingUpdate', 'updates all hosts of a pool'),
]

function rolling(action: 'rollingReboot' | 'rollingUpdate', name: string): MultiStep {
  return {
    name,
    calls: 40,
    ignore: ['host', 'vms', 'rolling', 'missingPatches'],
    prepare: (world) => {
      const { id } = world.one('pool')
      return ready(async (task) => world.actions.pool[action]({ id, afresh: false }, task))
    },
  }
}
