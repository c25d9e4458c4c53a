import {
  connectionErrors,
  poolErrors,
  type DiskId,
  type HostId,
  type NetworkId,
  type NicId,
  type StorageId,
} from '@nixen/api'
import type { Ref } from '@nixen/xapi'
import type { ActionTask } from '../../../action/actions.ts'
import { follow, refOf, type XapiContext } from '../context.ts'
import { migrationNetwork } from '../migration-network.ts'
import { stopTracking } from '../stop-tracking.ts'

export interface MigrateTarget {
  /** The master of the other pool when left out. */
  readonly host?: HostId | undefined
  readonly storage?: StorageId | undefined
  readonly disks?: readonly { readonly disk: DiskId; readonly storage: StorageId }[] | undefined
  readonly nics?: readonly { readonly nic: NicId; readonly network: NetworkId }[] | undefined
  /** Network of the pool it goes to, over which it moves. */
  readonly network?: NetworkId | undefined
}

export interface MigrateSend {
  readonly vm: Ref<'VM'>
  readonly target: MigrateTarget
  /** The pool that it goes to; may be the same. */
  readonly to: XapiContext
  /** Leaves the original where it is; halted VMs only. */
  readonly copy: boolean
}

/** Moves or copies a VM with its disks (`VM.migrate_send`). Resolves with the VM there. */
export async function migrateSend(context: XapiContext, move: MigrateSend, task: ActionTask): Promise<Ref<'VM'>> {
  const { vm, target, to, copy } = move
  const host = target.host === undefined ? await masterOf(to) : await refOf(to, target.host, 'host')
  const disks = await diskMap(context, move)
  const tracking = await stopTracking(context, [...disks.keys()], task)
  const nics =
    context.connection === to.connection ? new Map<Ref<'VIF'>, Ref<'network'>>() : await nicMap(context, move)
  const dest = await to.xapi.client.host.migrate_receive(host, await networkFor(to, host, target.network), {})
  const live = !copy && (await context.xapi.client.VM.get_power_state(vm)) === 'Running'
  const options: Readonly<Record<string, string>> = copy ? { copy: 'true' } : {}
  const call = context.xapi.client.async.VM.migrate_send(vm, dest, live, disks, nics, options)
  const made = await follow(context, call, task)
  await tracking.forget()
  return made
}

/** Where each disk of the VM goes. Snapshots' disks follow theirs. */
async function diskMap(
  context: XapiContext,
  { vm, target, to }: MigrateSend,
): Promise<ReadonlyMap<Ref<'VDI'>, Ref<'SR'>>> {
  const { VM, VBD } = context.xapi.client
  const named = new Map<string, Ref<'SR'>>()
  for (const { disk, storage } of target.disks ?? []) {
    named.set(await refOf(context, disk, 'VDI'), await refOf(to, storage, 'SR'))
  }
  const map = new Map<Ref<'VDI'>, Ref<'SR'>>()
  const all = target.storage === undefined ? undefined : await refOf(to, target.storage, 'SR')
  for (const vbd of await VM.get_VBDs(vm)) {
    const { type, VDI: vdi } = await VBD.get_record(vbd)
    if (type !== 'Disk' || !vdi) continue
    map.set(vdi, named.get(vdi) ?? all ?? (await defaultStorage(to)))
  }
  return map
}

/** The networks of the VM's NICs there: as asked for, otherwise those of the same name. */
async function nicMap(
  context: XapiContext,
  { vm, target, to }: MigrateSend,
): Promise<ReadonlyMap<Ref<'VIF'>, Ref<'network'>>> {
  const { VM, VIF, network } = context.xapi.client
  const named = new Map<string, Ref<'network'>>()
  for (const { nic, network: wanted } of target.nics ?? []) {
    named.set(await refOf(context, nic, 'VIF'), await refOf(to, wanted, 'network'))
  }
  const map = new Map<Ref<'VIF'>, Ref<'network'>>()
  for (const vif of await VM.get_VIFs(vm)) {
    const name = await network.get_name_label(await VIF.get_network(vif))
    const [same] = await to.xapi.client.network.get_by_name_label(name)
    const chosen = named.get(vif) ?? same
    if (!chosen) {
      throw connectionErrors.unsupported({
        action: 'Moving it there',
        reason: `the other pool has no network "${name}". Say which one its NIC gets.`,
      })
    }
    map.set(vif, chosen)
  }
  return map
}

async function poolOf({ xapi, connection }: XapiContext) {
  const [pool] = (await xapi.client.pool.get_all_records()).values()
  if (pool) return pool
  throw poolErrors.not_found({ id: connection })
}

async function masterOf(context: XapiContext): Promise<Ref<'host'>> {
  const { master } = await poolOf(context)
  return master
}

/** @throws connection.unsupported when the pool has none */
export async function defaultStorage(context: XapiContext): Promise<Ref<'SR'>> {
  const { default_SR: sr } = await poolOf(context)
  if (sr) return sr
  throw connectionErrors.unsupported({
    action: 'Making a disk',
    reason: 'the pool has no default storage. Say which storage to use.',
  })
}

/** The network that migrations use: the one that is set for the pool, where the host has an address on it, or the one it is managed on. */
async function networkFor(
  context: XapiContext,
  host: Ref<'host'>,
  asked: NetworkId | undefined,
): Promise<Ref<'network'>> {
  const { host: hosts, PIF } = context.xapi.client
  const wanted = asked === undefined ? await migrationNetwork(context) : await refOf(context, asked, 'network')
  let management: Ref<'network'> | undefined
  for (const pif of await hosts.get_PIFs(host)) {
    const { management: managed, network, IP, currently_attached: attached } = await PIF.get_record(pif)
    if (network === wanted && attached && IP !== '') return network
    if (managed) management = network
  }
  if (asked !== undefined) {
    const reason = 'the host has no address on the network that it shall go over.'
    throw connectionErrors.unsupported({ action: 'Moving it there', reason })
  }
  if (management) return management
  throw connectionErrors.unsupported({ action: 'Moving it there', reason: 'the host has no management network.' })
}
