import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Enums, Ref } from '../generated/rows.ts'

interface TunnelPlan {
  readonly transport: Ref<'PIF'>
  readonly network: Ref<'network'>
  readonly protocol: Enums['tunnel_protocol']
}

/** Makes a tunnel over a PIF that has an address; the network gets a PIF of its own. */
function create({ db, pool }: Call, { transport, network, protocol }: TunnelPlan): Ref<'tunnel'> {
  const { host, managed, ip_configuration_mode, tunnel_access_PIF_of, MTU, MAC } = db.get('PIF', transport)
  db.get('network', network)
  if (!managed) throw fault('PIF_UNMANAGED', transport)
  if (tunnel_access_PIF_of.size > 0) throw fault('IS_TUNNEL_ACCESS_PIF', transport)
  if (ip_configuration_mode === 'None') throw fault('TRANSPORT_PIF_NOT_CONFIGURED', transport)
  const devices = new Set<string>()
  for (const { ref, values } of db.rows('PIF')) {
    if (values.host !== host) continue
    if (values.network === network) throw fault('NETWORK_ALREADY_CONNECTED', host, ref)
    devices.add(values.device)
  }
  let number = 0
  while (devices.has(`tunnel${number}`)) number++
  const metrics = db.insert('PIF_metrics', { carrier: true, last_updated: pool.clock.now() })
  const device = `tunnel${number}`
  const access_PIF = db.insert('PIF', { device, host, network, MAC, MTU, VLAN: -1, metrics, currently_attached: true })
  const status = { active: 'true' }
  return db.insert('tunnel', { access_PIF, transport_PIF: transport, protocol, status, other_config: {} })
}

function destroy({ db }: Call, self: Ref<'tunnel'>): void {
  const { access_PIF } = db.get('tunnel', self)
  const pif = db.find('PIF', access_PIF)
  for (const vif of pif ? db.get('network', pif.network).VIFs : []) {
    const { currently_attached, VM } = db.get('VIF', vif)
    if (currently_attached && db.get('VM', VM).resident_on === pif?.host) throw fault('NETWORK_CONTAINS_VIF', vif)
  }
  db.remove(self)
  if (!pif) return
  db.remove(pif.metrics)
  db.remove(access_PIF)
}

export const tunnel: MethodSet = methods('tunnel', {
  create: (call, transport, network, protocol) => create(call, { transport, network, protocol }),
  destroy,
})
