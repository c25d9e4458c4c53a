import { isNull, nullRef } from '../db/ref.ts'
import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { randomMac } from '../generate/context.ts'

function nextBridge({ db }: Call): string {
  const used = new Set([...db.rows('network')].map(({ values }) => values.bridge))
  let number = 0
  while (used.has(`xapi${number}`)) number++
  return `xapi${number}`
}

export const network: MethodSet = methods('network', {
  create(call, args) {
    const bridge = args.bridge || nextBridge(call)
    return call.db.insert('network', { ...args, bridge, MTU: args.MTU || 1500 })
  },

  destroy({ db }, self) {
    const { VIFs, PIFs } = db.get('network', self)
    if (VIFs.size > 0) throw fault('NETWORK_CONTAINS_VIF', [...VIFs].join(', '))
    if (PIFs.size > 0) throw fault('NETWORK_CONTAINS_PIF', [...PIFs].join(', '))
    db.remove(self)
  },

  add_purpose({ db }, self, value) {
    const { purpose } = db.get('network', self)
    const rivals: Record<string, string> = { nbd: 'insecure_nbd', insecure_nbd: 'nbd' }
    for (const { values } of db.rows('network')) {
      const rival = rivals[value]
      if (rival && (values.purpose as readonly string[]).includes(rival))
        throw fault('NETWORK_INCOMPATIBLE_PURPOSES', value, rival)
    }
    if (!purpose.includes(value)) db.update(self, { purpose: [...purpose, value] })
  },

  remove_purpose({ db }, self, value) {
    db.update(self, { purpose: db.get('network', self).purpose.filter((purpose) => purpose !== value) })
  },
})

interface VlanPlan {
  readonly tagged: Ref<'PIF'>
  readonly network: Ref<'network'>
  readonly tag: number
}

/** A VLAN on one PIF, with the untagged PIF that stands for it. */
export function createVlan({ db, pool }: Call, { tagged, network, tag }: VlanPlan): Ref<'VLAN'> {
  const { device, host, MAC, MTU, VLAN, bond_slave_of } = db.get('PIF', tagged)
  if (tag < 0 || tag > 4094) throw fault('VLAN_TAG_INVALID', String(tag))
  if (VLAN >= 0) throw fault('PIF_IS_VLAN', tagged)
  if (!isNull(bond_slave_of)) throw fault('PIF_ALREADY_BONDED', tagged)
  db.get('network', network)
  for (const { ref, values } of db.rows('PIF')) {
    if (values.host !== host) continue
    if (values.device === device && values.VLAN === tag) throw fault('PIF_VLAN_EXISTS', ref)
    if (values.network === network) throw fault('NETWORK_ALREADY_CONNECTED', host, ref)
  }
  const metrics = db.insert('PIF_metrics', {
    carrier: true,
    speed: 10_000,
    duplex: true,
    last_updated: pool.clock.now(),
  })
  const untagged = db.insert('PIF', { device, host, network, MAC, MTU, VLAN: tag, metrics, currently_attached: true })
  const vlan = db.insert('VLAN', { tag, tagged_PIF: tagged, untagged_PIF: untagged })
  db.update(untagged, { VLAN_master_of: vlan })
  return vlan
}

function destroyVlan({ db }: Call, vlan: Ref<'VLAN'>): void {
  const { untagged_PIF } = db.get('VLAN', vlan)
  const pif = db.find('PIF', untagged_PIF)
  if (pif) {
    assertNetworkIdle(db, untagged_PIF)
    if (pif.management) throw fault('PIF_IS_MANAGEMENT_INTERFACE', untagged_PIF)
    db.remove(pif.metrics)
    db.remove(untagged_PIF)
  }
  db.remove(vlan)
}

/** No running machine of the host may use the PIF's network. */
function assertNetworkIdle(db: Call['db'], pif: Ref<'PIF'>): void {
  const { network, host } = db.get('PIF', pif)
  for (const ref of db.get('network', network).VIFs) {
    const { currently_attached, VM } = db.get('VIF', ref)
    if (currently_attached && db.get('VM', VM).resident_on === host) throw fault('NETWORK_CONTAINS_VIF', ref)
  }
}

export const vlan: MethodSet = methods('VLAN', {
  create: (call, tagged_PIF, tag, network) => createVlan(call, { tagged: tagged_PIF, network, tag }),
  destroy: destroyVlan,
})

export const pif: MethodSet = methods('PIF', {
  create_VLAN(call, device, network, host, VLAN) {
    for (const { ref, values } of call.db.rows('PIF')) {
      if (values.host !== host || values.device !== device || values.VLAN >= 0) continue
      return call.db.get('VLAN', createVlan(call, { tagged: ref, network, tag: VLAN })).untagged_PIF
    }
    throw fault('PIF_DEVICE_NOT_FOUND')
  },

  destroy(call, self) {
    const { VLAN_master_of } = call.db.get('PIF', self)
    if (isNull(VLAN_master_of)) throw fault('PIF_IS_PHYSICAL', self)
    destroyVlan(call, VLAN_master_of)
  },

  reconfigure_ip({ db }, self, mode, IP, netmask, gateway, DNS) {
    db.get('PIF', self)
    if (mode === 'Static' && !/^\d+(\.\d+){3}$/.test(IP)) throw fault('INVALID_IP_ADDRESS_SPECIFIED', 'IP')
    if (mode === 'Static' && !/^\d+(\.\d+){3}$/.test(netmask)) throw fault('INVALID_IP_ADDRESS_SPECIFIED', 'netmask')
    db.update(
      self,
      mode === 'Static'
        ? { ip_configuration_mode: mode, IP, netmask, gateway, DNS }
        : { ip_configuration_mode: mode, IP: '', netmask: '', gateway: '', DNS: '' },
    )
  },

  reconfigure_ipv6({ db }, self, mode, IPv6, gateway, DNS) {
    db.update(self, {
      ipv6_configuration_mode: mode,
      IPv6: mode === 'Static' ? [IPv6] : [],
      ipv6_gateway: gateway,
      DNS,
    })
  },

  plug: ({ db }, self) => db.update(self, { currently_attached: true }),

  unplug({ db }, self) {
    const { management, disallow_unplug } = db.get('PIF', self)
    if (management) throw fault('PIF_IS_MANAGEMENT_INTERFACE', self)
    if (disallow_unplug) throw fault('PIF_DOES_NOT_ALLOW_UNPLUG', self)
    assertNetworkIdle(db, self)
    db.update(self, { currently_attached: false })
  },

  scan({ db }, host) {
    // The simulated hardware does not change.
    db.get('host', host)
  },

  forget({ db }, self) {
    const { management, physical, metrics } = db.get('PIF', self)
    if (!physical) throw fault('PIF_IS_NOT_PHYSICAL', self)
    if (management) throw fault('PIF_IS_MANAGEMENT_INTERFACE', self)
    db.remove(metrics)
    db.remove(self)
  },

  set_property({ db }, self, name, value) {
    db.update(self, { properties: { ...db.get('PIF', self).properties, [name]: value } })
  },
})

export const bond: MethodSet = methods('Bond', {
  create(call, networkRef, members, MAC, mode, properties) {
    const { db, pool } = call
    const pifs = members.map((ref) => db.get('PIF', ref))
    const [first] = pifs
    const firstRef = members[0]
    if (!first || firstRef === undefined || pifs.length < 2) throw fault('PIF_BOND_NEEDS_MORE_MEMBERS')
    if (pifs.some(({ host }) => host !== first.host)) throw fault('PIF_CANNOT_BOND_CROSS_HOST')
    members.forEach((ref, i) => {
      if (!isNull(pifs[i]?.bond_slave_of ?? nullRef)) throw fault('PIF_ALREADY_BONDED', ref)
      if ((pifs[i]?.VLAN ?? -1) >= 0) throw fault('PIF_IS_VLAN', ref)
    })
    db.get('network', networkRef)
    const used = new Set(
      [...db.rows('PIF')].filter(({ values }) => values.host === first.host).map(({ values }) => values.device),
    )
    let number = 0
    while (used.has(`bond${number}`)) number++
    const management = pifs.find((pif) => pif.management)
    const metrics = db.insert('PIF_metrics', {
      carrier: true,
      speed: 10_000,
      duplex: true,
      last_updated: pool.clock.now(),
    })
    const master = db.insert('PIF', {
      device: `bond${number}`,
      host: first.host,
      network: networkRef,
      MAC: MAC || first.MAC || randomMac(pool.random),
      MTU: first.MTU,
      VLAN: -1,
      metrics,
      currently_attached: true,
      managed: true,
      ...(management
        ? {
            management: true,
            ip_configuration_mode: management.ip_configuration_mode,
            IP: management.IP,
            netmask: management.netmask,
            gateway: management.gateway,
            DNS: management.DNS,
          }
        : {}),
    })
    const ref = db.insert('Bond', {
      master,
      mode,
      properties,
      primary_slave: firstRef,
      links_up: members.length,
      other_config: {},
    })
    for (const member of members) {
      db.update(member, { bond_slave_of: ref, management: false, ip_configuration_mode: 'None', IP: '', netmask: '' })
    }
    return ref
  },

  destroy({ db }, self) {
    const { master, slaves, primary_slave } = db.get('Bond', self)
    const pif = db.get('PIF', master)
    const { management, ip_configuration_mode, IP, netmask, gateway, DNS } = pif
    for (const member of slaves) db.update(member, { bond_slave_of: nullRef })
    if (management && db.find('PIF', primary_slave)) {
      db.update(primary_slave, { management, ip_configuration_mode, IP, netmask, gateway, DNS })
    }
    db.remove(pif.metrics)
    db.remove(self)
    db.remove(master)
  },

  set_mode: ({ db }, self, value) => db.update(self, { mode: value }),
  set_property({ db }, self, name, value) {
    db.update(self, { properties: { ...db.get('Bond', self).properties, [name]: value } })
  },
})
