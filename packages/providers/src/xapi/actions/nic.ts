import { connectionErrors, type ActionRequest, type Actions, type NicId } from '@nixen/api'
import { isAppError } from '@nixen/core'
import type { Ref } from '@nixen/xapi'
import type { ActionTask, ProviderActions } from '../../action/actions.ts'
import { follow, refOf, withKeys, type XapiContext } from './context.ts'

/** What can be done with NICs. */
export function nicActions(context: XapiContext): ProviderActions['nic'] {
  const calls = context.xapi.client.async
  return {
    async update({ id, ...changes }, task) {
      await updateVif(context, { vif: await refOf(context, id, 'VIF'), changes }, task)
    },
    async connect({ id }, task) {
      const nic = await eitherOf(context, id)
      await follow(context, nic.kind === 'VIF' ? calls.VIF.plug(nic.ref) : calls.PIF.plug(nic.ref), task)
    },
    async disconnect({ id }, task) {
      const nic = await eitherOf(context, id)
      await follow(context, nic.kind === 'VIF' ? calls.VIF.unplug(nic.ref) : calls.PIF.unplug(nic.ref), task)
    },
    async setAddress({ id, mode, family, ip, netmask, gateway, dns }, task) {
      const pif = await refOf(context, id, 'PIF')
      if (family === 'ipv6') {
        const wanted = ({ none: 'None', dhcp: 'DHCP', static: 'Static', autoconf: 'Autoconf' } as const)[mode]
        return await follow(context, calls.PIF.reconfigure_ipv6(pif, wanted, ip, gateway, dns), task)
      }
      if (mode === 'autoconf') {
        throw connectionErrors.unsupported({ action: 'Setting it', reason: 'autoconf is for IPv6 only.' })
      }
      const wanted = ({ none: 'None', dhcp: 'DHCP', static: 'Static' } as const)[mode]
      await follow(context, calls.PIF.reconfigure_ip(pif, wanted, ip, netmask, gateway, dns), task)
    },
    async makeManagement({ id }, task) {
      await follow(context, calls.host.management_reconfigure(await refOf(context, id, 'PIF')), task)
    },
  }
}

type Either = { readonly kind: 'VIF'; readonly ref: Ref<'VIF'> } | { readonly kind: 'PIF'; readonly ref: Ref<'PIF'> }

async function eitherOf(context: XapiContext, id: NicId): Promise<Either> {
  try {
    return { kind: 'VIF', ref: await refOf(context, id, 'VIF') }
  } catch (error) {
    if (!isAppError(error, 'nic.not_found')) throw error
    return { kind: 'PIF', ref: await refOf(context, id, 'PIF') }
  }
}

interface VifChanges {
  readonly vif: Ref<'VIF'>
  readonly changes: Omit<ActionRequest<Actions['nic']['update']>, 'id'>
}

async function updateVif(context: XapiContext, { vif, changes }: VifChanges, task: ActionTask): Promise<void> {
  const { VIF } = context.xapi.client
  const { network, locking, allowedIps, rateLimit, txChecksum } = changes
  if (network !== undefined) {
    const ref = await refOf(context, network, 'network')
    await follow(context, context.xapi.client.async.VIF.move(vif, ref), task)
  }
  // Addresses first: a NIC that is locked without any lets nothing through.
  if (allowedIps !== undefined) {
    await VIF.set_ipv4_allowed(
      vif,
      allowedIps.filter((ip) => !ip.includes(':')),
    )
    await VIF.set_ipv6_allowed(
      vif,
      allowedIps.filter((ip) => ip.includes(':')),
    )
  }
  if (locking !== undefined) {
    const modes = { network: 'network_default', locked: 'locked', unlocked: 'unlocked', disabled: 'disabled' } as const
    await VIF.set_locking_mode(vif, modes[locking])
  }
  if (rateLimit !== undefined) {
    const none = rateLimit === null || rateLimit === 0
    await VIF.set_qos_algorithm_type(vif, none ? '' : 'ratelimit')
    // The host counts in KiB/s.
    const kbps = String(Math.max(1, Math.round((rateLimit ?? 0) / 8 / 1024)))
    await VIF.set_qos_algorithm_params(vif, none ? {} : { kbps })
  }
  if (txChecksum !== undefined) {
    const key = txChecksum ? undefined : 'off'
    await VIF.set_other_config(vif, withKeys(await VIF.get_other_config(vif), { 'ethtool-tx': key }))
  }
  if ((rateLimit !== undefined || txChecksum !== undefined) && (await VIF.get_currently_attached(vif))) {
    task.log('The limit and the checksum setting take effect when the NIC is connected the next time.')
  }
}
