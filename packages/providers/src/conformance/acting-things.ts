import assert from 'node:assert/strict'
import type { VmId } from '@nixen/api'
import type { ActingWorld } from './acting-world.ts'

export const MiB = 1024 * 1024

/** What needs nothing made first. */
export const ready = <T>(value: T): Promise<T> => Promise.resolve(value)

/** A storage for disks. */
export function localStorage(world: ActingWorld, of = world.reader) {
  return world.one('storage', ({ content, size = 0 }) => content === 'disks' && size > 0, of)
}

/** A template without disks of its own. */
export function emptyTemplate(world: ActingWorld) {
  return world.one('template', ({ default: own, name }) => own && name.startsWith('Debian'))
}

/** The physical NICs of the first host, the one that it is managed through first. Two at least. */
export function physical(world: ActingWorld) {
  const host = world.one('host').id
  const nics = world
    .all('nic')
    .filter((nic) => nic.host === host && nic.kind === 'physical')
    .toSorted((a, b) => Number(b.management ?? false) - Number(a.management ?? false))
    .map(({ id }) => id)
  const [first, second] = nics
  if (!first || !second) throw new Error(`the target's host has ${nics.length} NICs; two are needed`)
  return [first, second] as const
}

/** A small empty disk that nothing uses. */
export async function newDisk(world: ActingWorld, name: string) {
  const storage = localStorage(world).id
  const { made } = await world.run(async (task) =>
    world.actions.disk.create({ storage, name, size: 8 * MiB, description: '', shareable: false }, task),
  )
  const disk = await world.sees<'disk'>(made?.[0] as never, () => true, 'the new disk')
  return disk.id
}

/** A VM of its own with two small disks, halted. */
export async function newVm(world: ActingWorld, name: string): Promise<VmId> {
  const storage = localStorage(world).id
  const { made } = await world.run(async (task) =>
    world.actions.vm.create(
      {
        template: emptyTemplate(world).id,
        name,
        tags: [],
        count: 1,
        first: 1,
        tpm: false,
        templateDisks: [],
        disks: [
          { size: 8 * MiB, storage },
          { size: 4 * MiB, storage },
        ],
        nics: [{ network: world.one('network').id }],
        networkBoot: false,
        autoStart: false,
        start: false,
      },
      task,
    ),
  )
  const { id } = await world.sees<'vm'>(made?.[0] as never, ({ drives }) => drives.length > 1, 'the new VM')
  return id
}

/** A VM that runs with guest drivers. */
export function runningVm(world: ActingWorld) {
  const vm = world.one('vm', ({ power, agent }) => power === 'running' && agent?.drivers === true)
  assert.ok(vm)
  return vm
}
