import type { ActionResult } from '../action/actions.ts'
import { moreSteps } from './acting-steps-more.ts'
import { emptyTemplate, localStorage, MiB, newDisk, physical, ready } from './acting-things.ts'
import type { ActingWorld, MemoryTask } from './acting-world.ts'

/** An action of several steps, and how it is begun. */
export interface MultiStep {
  /** After "while it": "creates a VM". */
  readonly name: string
  /** About how many calls it takes, to spread a bounded number of failures. */
  readonly calls: number
  /** Gets things ready; gives what is tried again and again. */
  readonly prepare: (world: ActingWorld) => Promise<(task: MemoryTask) => Promise<ActionResult | undefined | void>>
  /** The daemon dies in it too, when that is tried at a few places only. */
  readonly dies?: true
  /**
   * Whether it is through. The daemon may die when it has done the last call, whose answer nobody gets: then all of it is there, under its name, and
   * stays.
   */
  readonly done?: (world: ActingWorld) => boolean
  /** Fields that differ although everything is in order: VMs that were moved stay where they are. */
  readonly ignore?: readonly string[]
}

const addedMac = '52:54:00:0a:0b:0c'

/** Actions of the contract that make or change several things one after the other. */
export const multiStep: readonly MultiStep[] = [
  ...moreSteps,
  {
    name: 'creates a VM with disks, NICs and cloud-init',
    calls: 60,
    dies: true,
    done: (world) => world.all('vm').some(({ name }) => name === 'made-1'),
    prepare: (world) => {
      const storage = localStorage(world).id
      const template = emptyTemplate(world).id
      const network = world.one('network').id
      return ready(async (task) =>
        world.actions.vm.create(
          {
            template,
            name: 'made-{index}',
            tags: ['new'],
            count: 1,
            first: 1,
            vcpus: 2,
            memory: 512 * MiB,
            firmware: 'uefi',
            tpm: true,
            templateDisks: [],
            disks: [
              { size: 8 * MiB, storage },
              { size: 4 * MiB, storage, name: 'data' },
            ],
            nics: [{ network }],
            networkBoot: false,
            cloudInit: { user: '#cloud-config\n', storage },
            autoStart: false,
            start: false,
          },
          task,
        ),
      )
    },
  },
  {
    name: 'attaches a disk to a running VM',
    done: (world) => world.all('disk').some(({ name, attached }) => name === 'to attach' && attached),
    calls: 10,
    prepare: async (world) => {
      const disk = await newDisk(world, 'to attach')
      const { id } = world.one('vm', ({ power, agent }) => power === 'running' && agent?.drivers === true)
      return async (task) => world.actions.vm.attachDisk({ id, disk, readOnly: false, boot: false }, task)
    },
  },
  {
    name: 'adds a NIC to a running VM',
    done: (world) => world.all('nic').some(({ mac, attached }) => mac === addedMac && attached),
    calls: 10,
    prepare: (world) => {
      const { id } = world.one('vm', ({ power, agent }) => power === 'running' && agent?.drivers === true)
      const network = world.one('network').id
      return ready(async (task) => world.actions.vm.addNic({ id, network, mac: addedMac }, task))
    },
  },
  {
    name: 'moves a disk of a halted VM',
    calls: 16,
    dies: true,
    done: (world) => world.all('disk').filter(({ name }) => name === 'to move').length === 1,
    prepare: async (world) => {
      const { id } = world.one('vm', ({ power }) => power === 'halted')
      const disk = await newDisk(world, 'to move')
      await world.run(async (task) => world.actions.vm.attachDisk({ id, disk, readOnly: false, boot: false }, task))
      await world.sees(disk, ({ vms }) => vms.length === 1, 'the disk is attached')
      const from = world.one('disk', (one) => one.id === disk).storage
      const storage = world.one('storage', (one) => one.content === 'disks' && one.id !== from).id
      return async (task) => world.actions.disk.migrate({ id: disk, storage }, task)
    },
  },
  {
    name: 'makes a storage',
    done: (world) => world.all('storage').some(({ name }) => name === 'files'),
    calls: 4,
    prepare: (world) => {
      const host = world.one('host').id
      const { folder: path } = world.target
      return ready(async (task) =>
        world.actions.storage.create(
          { host, name: 'files', description: '', source: { kind: 'file', path }, rootFileSystem: true },
          task,
        ),
      )
    },
  },
  {
    name: 'makes a network on a VLAN',
    calls: 6,
    prepare: (world) => {
      const pool = world.one('pool').id
      const [, nic] = physical(world)
      return ready(async (task) =>
        world.actions.network.create({ pool, name: 'vlan 42', description: '', vlan: { nic, tag: 42 } }, task),
      )
    },
  },
  {
    name: 'makes a network on a bond',
    calls: 14,
    prepare: (world) => {
      const pool = world.one('pool').id
      const [one, two] = physical(world)
      return ready(async (task) =>
        world.actions.network.create(
          { pool, name: 'bond', description: '', bond: { nics: [one, two], mode: 'active-backup' } },
          task,
        ),
      )
    },
  },
  {
    name: 'puts a host in maintenance',
    calls: 4,
    prepare: (world) => {
      const { id } = world.one('host', ({ master }) => !master)
      return ready(async (task) => world.actions.host.enterMaintenance({ id }, task))
    },
  },
  {
    name: 'reboots a host with its VMs',
    calls: 20,
    prepare: (world) => {
      const { id } = world.one('host', ({ master }) => !master)
      return ready(async (task) => world.actions.host.smartReboot({ id }, task))
    },
  },
  {
    name: 'moves a VM with its disks to another pool',
    done: (world) => world.all('vm', world.other).length > 5,
    calls: 20,
    dies: true,
    prepare: (world) => {
      const { id } = world.one('vm', ({ power, snapshots }) => power === 'halted' && snapshots === 0)
      const host = world.one('host', () => true, world.other).id
      const storage = localStorage(world, world.other).id
      return ready(async (task) => world.actions.vm.migrateStorage({ id, host, storage }, task))
    },
  },
  {
    name: 'copies a VM to another pool',
    done: (world) => world.all('vm', world.other).some(({ name }) => name === 'elsewhere'),
    calls: 20,
    prepare: (world) => {
      const { id } = world.one('vm', ({ power, snapshots }) => power === 'halted' && snapshots === 0)
      const storage = localStorage(world, world.other).id
      return ready(async (task) => world.actions.vm.copy({ id, name: 'elsewhere', storage }, task))
    },
  },
]
