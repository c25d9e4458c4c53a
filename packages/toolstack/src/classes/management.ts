import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { poolRef } from '../pool/pool.ts'

/** Why a host can't be managed over a PIF. */
function assertUsable({ db }: Call, pif: Ref<'PIF'>): void {
  const { managed, bond_slave_of, ip_configuration_mode, IP, currently_attached } = db.get('PIF', pif)
  if (!managed) throw fault('PIF_UNMANAGED', pif)
  if (db.find('Bond', bond_slave_of)) throw fault('PIF_ALREADY_BONDED', pif)
  if (ip_configuration_mode === 'None') throw fault('PIF_HAS_NO_NETWORK_CONFIGURATION', pif)
  if (!currently_attached || (ip_configuration_mode === 'Static' && IP === '')) throw fault('INTERFACE_HAS_NO_IP', pif)
}

/** Makes a PIF the management interface of its host. The host goes on answering on its address, which goes with the interface. */
function manageOver({ db }: Call, pif: Ref<'PIF'>): void {
  const { host } = db.get('PIF', pif)
  for (const other of db.get('host', host).PIFs) {
    if (other !== pif && db.get('PIF', other).management) db.update(other, { management: false })
  }
  db.update(pif, { management: true, IP: db.get('host', host).address })
}

export const hostManagement: MethodSet = methods('host', {
  management_reconfigure(call, pif) {
    if (call.db.get('pool', poolRef(call.db)).ha_enabled) throw fault('HA_IS_ENABLED')
    assertUsable(call, pif)
    manageOver(call, pif)
  },
})

export const poolManagement: MethodSet = methods('pool', {
  /** The same on the PIF of a network on every host, or on none. */
  management_reconfigure(call, network) {
    const { db } = call
    if (db.get('pool', poolRef(db)).ha_enabled) throw fault('HA_IS_ENABLED')
    const { PIFs } = db.get('network', network)
    const chosen = [...db.rows('host')].map(({ ref }) => {
      const pif = [...PIFs].find((each) => db.get('PIF', each).host === ref)
      if (pif === undefined) throw fault('PIF_NOT_PRESENT', ref, network)
      assertUsable(call, pif)
      return pif
    })
    for (const pif of chosen) manageOver(call, pif)
  },
})
