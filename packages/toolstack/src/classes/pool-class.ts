import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { createVlan } from './network.ts'

/** A VLAN on the same device of every host. */
function vlanEverywhere(
  call: Call,
  { device, network, tag }: { device: string; network: Ref<'network'>; tag: number },
): Ref<'PIF'>[] {
  const { db } = call
  const tagged = [...db.rows('PIF')].filter(({ values }) => values.device === device && values.VLAN < 0)
  if (tagged.length === 0) throw fault('PIF_DEVICE_NOT_FOUND')
  return tagged.map(({ ref }) => db.get('VLAN', createVlan(call, { tagged: ref, network, tag })).untagged_PIF)
}

export const pool: MethodSet = methods('pool', {
  create_VLAN: (call, device, network, VLAN) => vlanEverywhere(call, { device, network, tag: VLAN }),
  create_VLAN_from_PIF(call, pif, network, VLAN) {
    return vlanEverywhere(call, { device: call.db.get('PIF', pif).device, network, tag: VLAN })
  },

  sync_database: () => undefined,

  get_license_state({ db }, self) {
    db.get('pool', self)
    return { edition: 'xcp-ng', expiry: 'never' }
  },

  apply_edition({ db }, self, edition) {
    db.get('pool', self)
    for (const { ref } of db.rows('host')) db.update(ref, { edition })
  },

  has_extension: () => false,
  certificate_list: () => [],
  crl_list: () => [],
  certificate_sync: () => undefined,
  enable_tls_verification({ db }) {
    for (const { ref } of db.rows('pool')) db.update(ref, { tls_verification_enabled: true })
  },

  add_repository({ db }, self, value) {
    db.update(self, { repositories: [...db.get('pool', self).repositories, value] })
  },
  remove_repository({ db }, self, value) {
    db.update(self, { repositories: db.get('pool', self).repositories.filter((ref) => ref !== value) })
  },

  set_igmp_snooping_enabled: ({ db }, self, value) => db.update(self, { igmp_snooping_enabled: value }),
  configure_update_sync({ db }, self, frequency, day) {
    db.update(self, { update_sync_frequency: frequency, update_sync_day: day })
  },
  set_https_only({ db }, self, value) {
    db.get('pool', self)
    for (const { ref } of db.rows('host')) db.update(ref, { https_only: value })
  },
})
