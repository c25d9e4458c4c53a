import { connectionErrors, type ActionRequest, type Actions } from '@nixen/api'
import type { Ref } from '@nixen/xapi'
import type { ActionTask, ProviderActions } from '../../action/actions.ts'
import { follow, idOf, refOf, withKeys, type XapiContext } from './context.ts'

type CreateRequest = ActionRequest<Actions['network']['create']>

/** What can be done with networks. */
export function networkActions(context: XapiContext): ProviderActions['network'] {
  const { network } = context.xapi.client
  return {
    async create(request, task) {
      const ref = await createNetwork(context, request, task)
      return { made: [await idOf(context, 'network', { className: 'network', ref })] }
    },
    async update({ id, name, description, tags, mtu, locking, nbd, default: automatic }) {
      const ref = await refOf(context, id, 'network')
      if (name !== undefined) await network.set_name_label(ref, name)
      if (description !== undefined) await network.set_name_description(ref, description)
      if (tags !== undefined) await network.set_tags(ref, [...new Set(tags)])
      if (mtu !== undefined) await network.set_MTU(ref, mtu)
      if (locking !== undefined) await network.set_default_locking_mode(ref, locking)
      if (nbd !== undefined) await setNbd(context, ref, nbd)
      if (automatic === undefined) return
      const config = withKeys(await network.get_other_config(ref), { automatic: automatic ? 'true' : 'false' })
      await network.set_other_config(ref, config)
    },
    async delete({ id }, task) {
      const ref = await refOf(context, id, 'network')
      await removePifs(context, ref, task)
      await network.destroy(ref)
    },
  }
}

/** A network, and what carries it. Without a VLAN or bond it is within each host. */
async function createNetwork(context: XapiContext, request: CreateRequest, task: ActionTask): Promise<Ref<'network'>> {
  const { name, description, mtu, vlan, bond, tunnel } = request
  if ([vlan, bond, tunnel].filter((one) => one !== undefined).length > 1) {
    throw connectionErrors.unsupported({
      action: 'Creating it',
      reason: 'it is on a VLAN, on a bond, or private between hosts. Make the bond first, then a VLAN on it.',
    })
  }
  if (tunnel) await demandController(context)
  const ref = await context.xapi.client.network.create({
    name_label: name,
    name_description: description,
    // Room for what frames are wrapped in.
    MTU: mtu ?? (tunnel ? 1500 - wrapping[tunnel.protocol] : 1500),
    other_config: {},
  })
  const undo = await task.undo({ kind: 'network.destroy', what: `Remove the network ${name}`, data: { network: ref } })
  if (vlan) {
    const pif = await refOf(context, vlan.nic, 'PIF')
    await follow(context, context.xapi.client.async.pool.create_VLAN_from_PIF(pif, ref, vlan.tag), task)
  }
  if (bond) await createBonds(context, { network: ref, bond }, task)
  if (tunnel) await createTunnels(context, { network: ref, tunnel }, task)
  await undo.forget()
  return ref
}

/** A bond of the NICs that are named, and of those with the same devices on every other host. */
async function createBonds(
  context: XapiContext,
  { network, bond }: { readonly network: Ref<'network'>; readonly bond: NonNullable<CreateRequest['bond']> },
  task: ActionTask,
): Promise<void> {
  const { PIF, host } = context.xapi.client
  const records = await Promise.all(
    bond.nics.map(async (nic) => await PIF.get_record(await refOf(context, nic, 'PIF'))),
  )
  const devices = records.map(({ device }) => device)
  if (new Set(records.map((record) => record.host)).size > 1) {
    throw connectionErrors.unsupported({ action: 'Bonding them', reason: 'they are of different hosts.' })
  }
  const all = [...(await PIF.get_all_records())]
  for (const one of await host.get_all()) {
    const members = devices.flatMap((device) =>
      all.filter(([, pif]) => pif.host === one && pif.physical && pif.device === device).map(([ref]) => ref),
    )
    if (members.length < devices.length) {
      const name = await host.get_name_label(one)
      throw connectionErrors.unsupported({
        action: 'Bonding them',
        reason: `the host ${name} has no ${devices.join(' and ')}.`,
      })
    }
    const { mode } = bond
    task.log(`Bonding ${devices.join(' and ')} of ${await host.get_name_label(one)}.`)
    await follow(context, context.xapi.client.async.Bond.create(network, members, '', mode, {}), task)
  }
}

/** Bytes around each frame: Ethernet, IPv4 and GRE with a key; Ethernet, IPv4, UDP and VXLAN (RFC 7348 §5). */
const wrapping = { gre: 42, vxlan: 50 } as const

/** XAPI notes tunnels and makes their bridges; the flows between hosts are made by a controller of Open vSwitch. */
async function demandController({ xapi }: XapiContext): Promise<void> {
  if ((await xapi.client.SDN_controller.get_all()).length > 0) return
  throw connectionErrors.unsupported({
    action: 'Creating it',
    reason:
      'the pool has no SDN controller, without which nothing passes between its hosts. Name one with "pool set-sdn-controller", or use a VLAN.',
  })
}

/** A tunnel on every host, over its NIC with the same device. */
async function createTunnels(
  context: XapiContext,
  { network, tunnel }: { readonly network: Ref<'network'>; readonly tunnel: NonNullable<CreateRequest['tunnel']> },
  task: ActionTask,
): Promise<void> {
  const { PIF, host } = context.xapi.client
  const { device, VLAN: vlan } = await PIF.get_record(await refOf(context, tunnel.nic, 'PIF'))
  const all = [...(await PIF.get_all_records())]
  for (const one of await host.get_all()) {
    const [pif] =
      all.find(([, record]) => record.host === one && record.device === device && record.VLAN === vlan) ?? []
    if (!pif) {
      const name = await host.get_name_label(one)
      throw connectionErrors.unsupported({ action: 'Creating it', reason: `the host ${name} has no ${device}.` })
    }
    await follow(context, context.xapi.client.async.tunnel.create(pif, network, tunnel.protocol), task)
  }
}

/** Removes VLANs, bonds and tunnels that carry a network; NICs of hosts stay. */
export async function removePifs(context: XapiContext, ref: Ref<'network'>, task?: ActionTask): Promise<void> {
  const { network, PIF, Bond, VLAN, tunnel } = context.xapi.client
  for (const pif of await network.get_PIFs(ref)) {
    const record = await PIF.get_record(pif)
    const { bond_master_of: bonds, VLAN_master_of: vlan, tunnel_access_PIF_of: tunnels, physical } = record
    for (const bond of bonds) await Bond.destroy(bond)
    for (const one of tunnels) await tunnel.destroy(one)
    if (vlan) await VLAN.destroy(vlan)
    if (physical) {
      throw connectionErrors.unsupported({
        action: 'Deleting it',
        reason: 'a physical NIC of a host is on it. Such a network goes with its NIC.',
      })
    }
    task?.signal.throwIfAborted()
  }
}

/** NBD with and without TLS exclude each other on a network (`NETWORK_INCOMPATIBLE_PURPOSES`). */
async function setNbd({ xapi }: XapiContext, ref: Ref<'network'>, nbd: 'off' | 'tls' | 'insecure'): Promise<void> {
  const { network } = xapi.client
  const wanted = nbd === 'tls' ? 'nbd' : nbd === 'insecure' ? 'insecure_nbd' : undefined
  for (const purpose of ['nbd', 'insecure_nbd'] as const) {
    if (purpose !== wanted && (await network.get_purpose(ref)).includes(purpose)) {
      await network.remove_purpose(ref, purpose)
    }
  }
  if (wanted && !(await network.get_purpose(ref)).includes(wanted)) await network.add_purpose(ref, wanted)
}
