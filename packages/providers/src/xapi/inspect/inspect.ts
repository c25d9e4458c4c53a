import { formatId, hostErrors, type DeletedDisk, type Placement, type SnapshotId, type VmId } from '@nixen/api'
import { messageOf } from '@nixen/core'
import type { Records, Ref } from '@nixen/xapi'
import type { ProviderInspect } from '../../inspect/inspect.ts'
import { idOf, refOf, type XapiContext } from '../actions/context.ts'
import { nativeCall } from './call.ts'
import { devicesOf } from './devices.ts'
import { patchesOf } from './patches.ts'

/** Questions that the hosts of a pool answer. `translate` makes an error of the contract of what a host refuses with. */
export function xapiInspect(context: XapiContext, translate: (error: unknown) => unknown): ProviderInspect {
  const asked = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw translate(error)
    }
  }
  return {
    placement: async (vm) => await asked(async () => await placementOf(context, vm, translate)),
    deletion: async (vm) => await asked(async () => await deletionOf(context, vm)),
    patches: async (host) => await asked(async () => await patchesOf(context, await refOf(context, host, 'host'))),
    devices: async (host) => await asked(async () => await devicesOf(context, await refOf(context, host, 'host'))),
    call: async (call) => await asked(async () => await nativeCall(context.xapi, call)),
  }
}

/** Each host is asked by itself: the pool says which can (`get_possible_hosts`), not why others cannot. */
async function placementOf(
  context: XapiContext,
  id: VmId,
  translate: (error: unknown) => unknown,
): Promise<readonly Placement[]> {
  const vm = await refOf(context, id, 'VM')
  const hosts = [...(await context.xapi.client.host.get_all_records())]
  const asked = hosts.map(async ([ref, record]) => await placeOn(context, { vm, ref, record }, translate))
  return (await Promise.all(asked)).toSorted(
    (a, b) => Number(b.possible) - Number(a.possible) || (a.name < b.name ? -1 : 1),
  )
}

interface Asked {
  readonly vm: Ref<'VM'>
  readonly ref: Ref<'host'>
  readonly record: Records['host']
}

async function placeOn(
  { xapi, connection }: XapiContext,
  { vm, ref, record: { uuid, name_label: name, enabled, metrics } }: Asked,
  translate: (error: unknown) => unknown,
): Promise<Placement> {
  const { VM, host: hosts, host_metrics } = xapi.client
  const place: Placement = { host: formatId({ type: 'host', connection, key: uuid }), name, possible: false }
  const who = { id: place.host, name }
  // A host that does not answer the question is as good as off.
  const live = metrics === null ? false : await host_metrics.get_live(metrics).catch(() => false)
  if (!live) return Object.assign(place, { reason: messageOf(hostErrors.unreachable(who)) })
  const free = await hosts.compute_free_memory(ref).catch(() => undefined)
  if (free !== undefined) place.free = free
  if (!enabled) return Object.assign(place, { reason: messageOf(hostErrors.disabled(who)) })
  try {
    await VM.assert_can_boot_here(vm, ref)
    place.possible = true
  } catch (error) {
    place.reason = messageOf(translate(error))
  }
  return place
}

/** Says what `vm.delete` does: disks of the VM and its snapshots go when nobody else has them. */
async function deletionOf(context: XapiContext, id: VmId) {
  const { VM, VBD, VDI } = context.xapi.client
  const vm = await refOf(context, id, 'VM')
  const { snapshots, blocked_operations: blocked } = await VM.get_record(vm)
  const owners = new Set<Ref<'VM'>>([...snapshots, vm])
  const disks = new Map<Ref<'VDI'>, DeletedDisk>()
  const kept = new Map<Ref<'VDI'>, DeletedDisk>()
  for (const owner of owners) {
    for (const vbd of await VM.get_VBDs(owner)) {
      const { type, VDI: vdi } = await VBD.get_record(vbd)
      if (!vdi || disks.has(vdi) || kept.has(vdi)) continue
      const { name_label: name, virtual_size: size, VBDs } = await VDI.get_record(vdi)
      const disk = { id: await idOf(context, 'disk', { className: 'VDI', ref: vdi }), name, size }
      const users = await Promise.all(VBDs.map(async (other) => await VBD.get_VM(other)))
      const other = users.find((user) => !owners.has(user))
      if (type !== 'Disk') kept.set(vdi, { ...disk, reason: 'It is in a drive for media.' })
      else if (other) kept.set(vdi, { ...disk, reason: `"${await VM.get_name_label(other)}" has it too.` })
      else disks.set(vdi, disk)
    }
  }
  const reason = blocked['destroy']
  return {
    disks: [...disks.values()],
    kept: [...kept.values()],
    snapshots: await Promise.all(
      snapshots.map(async (ref) => ({
        // A snapshot of a VM has an id of this type.
        id: (await idOf(context, 'snapshot', { className: 'VM', ref })) as SnapshotId,
        name: await VM.get_name_label(ref),
      })),
    ),
    ...(reason === undefined ? {} : { blocked: `Somebody has blocked it: ${reason || 'no reason was given'}.` }),
  }
}
