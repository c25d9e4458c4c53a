import type { Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref, Rows } from '../generated/rows.ts'
import { isSrAttached } from '../operations/storage-rules.ts'
import type { SrConfig, SrState } from '../storage/storage-port.ts'
import { probeRecords, probeXml } from './sr-probe.ts'
import { forgetVdi, insertVdi, stateFields } from './vdi-disks.ts'

/** What the storage needs to use an SR through one of its PBDs. */
export function srConfig({ db }: Call, sr: Ref<'SR'>, deviceConfig?: Readonly<Record<string, string>>): SrConfig {
  const { uuid, type, sm_config, PBDs } = db.get('SR', sr)
  const [first] = PBDs
  const config = deviceConfig ?? (first ? db.get('PBD', first).device_config : {})
  return { uuid, type, deviceConfig: config, smConfig: sm_config }
}

/** Fields of an SR that follow from its storage. */
export function srFields({ physicalSize, physicalUtilisation, virtualAllocation }: SrState): Partial<Rows['SR']> {
  return {
    physical_size: physicalSize,
    physical_utilisation: physicalUtilisation,
    virtual_allocation: virtualAllocation,
  }
}

function assertType({ db }: Call, type: string): void {
  for (const { values } of db.rows('SM')) if (values.type === type) return
  throw fault('SR_UNKNOWN_DRIVER', type)
}

/** Brings the records of an SR's disks up to date with what is there. */
export async function scanSr(call: Call, sr: Ref<'SR'>): Promise<void> {
  const { db } = call
  const { uuid } = db.get('SR', sr)
  if (!isSrAttached(db, sr)) throw fault('SR_HAS_NO_PBDS', sr)
  // The storage itself keeps the sizes of the SR.
  const { vdis } = await call.pool.storage.scan(uuid)
  for (const vdi of vdis) {
    const known = db.findUuid('VDI', vdi.uuid)
    if (known) db.update(known, stateFields(vdi))
    else insertVdi(call, { SR: sr, name_label: vdi.managed ? vdi.location : 'base copy' }, vdi)
  }
}

interface SrPlan {
  readonly host: Ref<'host'>
  readonly deviceConfig: Readonly<Record<string, string>>
  readonly fields: Partial<Rows['SR']> & Pick<Rows['SR'], 'type'>
  readonly shared: boolean
}

async function createSr(call: Call, { host, deviceConfig, fields, shared }: SrPlan): Promise<Ref<'SR'>> {
  const { db, pool } = call
  db.get('host', host)
  assertType(call, fields.type)
  const config: SrConfig = { uuid: db.newUuid(), type: fields.type, deviceConfig, smConfig: fields.sm_config }
  await pool.storage.createSr(config)
  const state = await pool.storage.attachSr(config)
  const sr = db.insert('SR', { ...fields, ...srFields(state), uuid: config.uuid, shared, other_config: {} })
  const hosts = shared ? [...db.rows('host')].map(({ ref }) => ref) : [host]
  for (const each of hosts)
    db.insert('PBD', { host: each, SR: sr, device_config: deviceConfig, currently_attached: true })
  if (fields.content_type === 'iso') await scanSr(call, sr)
  return sr
}

function removeSr(call: Call, sr: Ref<'SR'>): void {
  const { db } = call
  for (const pbd of db.get('SR', sr).PBDs) db.remove(pbd)
  for (const vdi of db.get('SR', sr).VDIs) forgetVdi(call, vdi)
  db.remove(sr)
}

export const sr: MethodSet = methods('SR', {
  async create(
    call,
    host,
    device_config,
    physical_size,
    name_label,
    name_description,
    type,
    content_type,
    shared,
    sm_config,
  ) {
    const fields = { name_label, name_description, type, content_type, sm_config, physical_size }
    return await createSr(call, { host, deviceConfig: device_config, fields, shared })
  },

  introduce(call, uuid, name_label, name_description, type, content_type, shared, sm_config) {
    assertType(call, type)
    if (uuid !== '' && call.db.findUuid('SR', uuid)) throw fault('SR_UUID_EXISTS', uuid)
    const fields = { name_label, name_description, type, content_type, shared, sm_config, other_config: {} }
    return call.db.insert('SR', { ...fields, ...(uuid === '' ? {} : { uuid }) })
  },

  async destroy(call, self) {
    await call.pool.storage.destroySr(srConfig(call, self))
    removeSr(call, self)
  },

  forget: removeSr,
  scan: scanSr,

  update({ db }, self) {
    db.get('SR', self)
  },

  probe(call, host, device_config, type) {
    call.db.get('host', host)
    assertType(call, type)
    return probeXml(call.db, type, device_config)
  },

  probe_ext(call, host, device_config, type) {
    call.db.get('host', host)
    assertType(call, type)
    return probeRecords(call.db, type, device_config)
  },

  get_supported_types({ db }) {
    return [...db.rows('SM')].map(({ values }) => values.type)
  },

  set_shared({ db }, self, value) {
    const { PBDs, shared } = db.get('SR', self)
    if (shared && !value && PBDs.size > 1) throw fault('SR_HAS_MULTIPLE_PBDS', [...PBDs][0] ?? '')
    db.update(self, { shared: value })
  },

  assert_can_host_ha_statefile({ db }, self) {
    if (!db.get('SR', self).shared) throw fault('HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED', self)
  },

  get_live_hosts({ db }, self) {
    return [...db.get('SR', self).PBDs]
      .map((ref) => db.get('PBD', ref))
      .filter((pbd) => pbd.currently_attached)
      .map((pbd) => pbd.host)
  },
})

export const pbd: MethodSet = methods('PBD', {
  create({ db }, args) {
    db.get('host', args.host)
    for (const ref of db.get('SR', args.SR).PBDs) {
      if (db.get('PBD', ref).host === args.host) throw fault('PBD_EXISTS', args.SR, args.host, ref)
    }
    return db.insert('PBD', { ...args, currently_attached: false })
  },

  destroy({ db }, self) {
    if (db.get('PBD', self).currently_attached) throw fault('OPERATION_NOT_ALLOWED', 'PBD is currently attached')
    db.remove(self)
  },

  async plug(call, self) {
    const { db } = call
    const { SR, device_config, currently_attached } = db.get('PBD', self)
    if (currently_attached) return
    const state = await call.pool.storage.attachSr(srConfig(call, SR, device_config))
    db.update(self, { currently_attached: true })
    if (db.get('SR', SR).physical_size === 0) db.update(SR, srFields(state))
  },

  async unplug(call, self) {
    const { db } = call
    const { SR, host, currently_attached } = db.get('PBD', self)
    if (!currently_attached) return
    for (const vdi of db.get('SR', SR).VDIs) {
      for (const ref of db.get('VDI', vdi).VBDs) {
        const { currently_attached: used, VM } = db.get('VBD', ref)
        if (used && db.get('VM', VM).resident_on === host) throw fault('VDI_IN_USE', vdi, 'unplug')
      }
    }
    db.update(self, { currently_attached: false })
    if (!isSrAttached(db, SR)) await call.pool.storage.detachSr(db.get('SR', SR).uuid)
  },
})
