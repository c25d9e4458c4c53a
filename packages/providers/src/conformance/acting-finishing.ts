import assert from 'node:assert/strict'
import type { ResourceId } from '@nixen/api'
import { messageOf } from '@nixen/core'
import type { ActionResult } from '../action/actions.ts'
import type { ActingTarget } from './acting-target.ts'
import { ActingWorld, type MemoryTask } from './acting-world.ts'
import { emptyTemplate, localStorage, newDisk, newVm, physical } from './acting-things.ts'

/** What takes something away in several steps: it cannot be taken back, and so goes on when it is asked again. */
export interface Ending {
  /** After "when it is asked again to". */
  readonly name: string
  readonly calls: number
  /** Makes what is to go; gives what takes it away, and all that has to be gone then. */
  readonly prepare: (world: ActingWorld) => Promise<{
    readonly run: (task: MemoryTask) => Promise<ActionResult | undefined | void>
    readonly gone: readonly ResourceId[]
  }>
}

/** Everything that ends something. */
export const finishing: readonly Ending[] = [
  {
    name: 'delete a VM with a snapshot and disks',
    calls: 24,
    prepare: async (world) => {
      const { vm } = world.actions
      const id = await newVm(world, 'to delete')
      await world.run(async (task) => vm.snapshot({ id, name: 'then', quiesce: false }, task))
      const { drives } = await world.sees(id, ({ snapshots, drives: all }) => snapshots === 1 && all.length > 1, 'it')
      const snapshot = world.one('snapshot', (one) => one.vm === id)
      const disks = drives.flatMap(({ disk }) => disk ?? [])
      return {
        run: async (task) => vm.delete({ id, keepDisks: [], snapshots: true }, task),
        gone: [id, snapshot.id, ...disks, ...snapshot.disks],
      }
    },
  },
  {
    name: 'delete a template with disks',
    calls: 12,
    prepare: async (world) => {
      const made = await newVm(world, 'a template')
      const { made: [id] = [] } = await world.run(async (task) =>
        world.actions.vm.convertToTemplate({ id: made }, task),
      )
      const { disks } = await world.sees<'template'>(id as never, (one) => one.disks.length > 0, 'the template')
      return {
        run: async (task) => world.actions.template.delete({ id: id as never }, task),
        gone: [id as never, ...disks],
      }
    },
  },
  {
    name: 'delete a disk that halted VMs have',
    calls: 6,
    prepare: async (world) => {
      const disk = await newDisk(world, 'to delete')
      const { id } = world.one('vm', ({ power }) => power === 'halted')
      await world.run(async (task) => world.actions.vm.attachDisk({ id, disk, readOnly: false, boot: false }, task))
      await world.sees(disk, ({ vms }) => vms.length === 1, 'it is attached')
      return { run: async (task) => world.actions.disk.delete({ id: disk }, task), gone: [disk] }
    },
  },
  {
    name: 'delete a network on a VLAN',
    calls: 8,
    prepare: async (world) => {
      const pool = world.one('pool').id
      const [, nic] = physical(world)
      const { made: [id] = [] } = await world.run(async (task) =>
        world.actions.network.create({ pool, name: 'vlan 77', description: '', vlan: { nic, tag: 77 } }, task),
      )
      await world.sees<'network'>(id as never, ({ vlan }) => vlan === 77, 'the network')
      return {
        run: async (task) => world.actions.network.delete({ id: id as never }, task),
        gone: [id as never],
      }
    },
  },
  {
    name: 'destroy a storage',
    calls: 6,
    prepare: async (world) => {
      const host = world.one('host').id
      const source = { kind: 'file', path: world.target.folder } as const
      const { made: [id] = [] } = await world.run(async (task) =>
        world.actions.storage.create({ host, name: 'files', description: '', source, rootFileSystem: true }, task),
      )
      await world.sees<'storage'>(id as never, ({ state }) => state === 'ok', 'the storage')
      return { run: async (task) => world.actions.storage.delete({ id: id as never }, task), gone: [id as never] }
    },
  },
]

/** Most calls that an action may take. */
const most = 400

/** Lets each call fail in turn; then it is asked again, without a fault, and everything has to be gone. */
export async function finishes(target: ActingTarget, ending: Ending, places: number): Promise<void> {
  await using world = await ActingWorld.open(target)
  assert.ok(emptyTemplate(world) && localStorage(world))
  const stride = Number.isFinite(places) ? Math.max(1, Math.ceil(ending.calls / places)) : 1
  for (let skip = 0; skip < most; skip += stride) {
    const { run, gone } = await ending.prepare(world)
    const fault = target.first.failCall(skip)
    const task = world.task()
    const failure = await world.run(run, task).then(
      () => undefined,
      (error: unknown) => error ?? new Error('nothing was thrown'),
    )
    const hit = fault.struck
    fault.remove()
    // A disk that could not go after its VM is named, and stays.
    const named = task.lines.some((line) => line.includes('stays:'))
    if (failure !== undefined) {
      assert.ok(hit, `it fails without a fault: ${messageOf(failure)}`)
      await world.run(run).catch((error: unknown) => {
        // The last call may have been the one that failed after it was done.
        assert.match(String((error as { code?: unknown }).code), /not_found$/, messageOf(error))
      })
    }
    for (const id of named ? [] : gone) await world.gone(id)
    if (!hit) return
  }
  assert.fail(`it takes more than ${most} calls`)
}
