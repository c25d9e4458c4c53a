import type { Storage } from '@nixen/api'
import type { SRRecord } from '@nixen/xapi'
import { sizeOf, tagsOf } from '../model/fields.ts'
import type { RecordHandler } from '../model/handler.ts'
import type { Model } from '../model/model.ts'
import type { PbdRow, SrRow } from '../model/rows.ts'

/** Key of the storage's `other_config` while it is in maintenance: what has to be put back, as JSON. */
export const maintenanceKey = 'nixen:maintenance'

/** `SR`. */
export const srHandler: RecordHandler<'SR'> = {
  put(model, ref, record) {
    const old = model.srs.get(ref)
    const row = readSr(model, ref, record, old)
    model.srs.set(ref, row)
    model.mark('SR', ref)
    if (!old) model.markPool()
    // Its disks name it, and what it is for says what they are.
    if (old?.content !== row.content) model.markWhere('VDI', model.vdis, ({ sr }) => sr === ref)
  },
  remove(model, ref) {
    const old = model.srs.get(ref)
    model.srs.delete(ref)
    if (old?.built) model.markGone(old.built.id)
    model.markPool()
    model.markWhere('VDI', model.vdis, ({ sr }) => sr === ref)
  },
}

function readSr(model: Model, ref: string, record: SRRecord, old: SrRow | undefined): SrRow {
  return {
    id: old?.id ?? model.id('storage', record.uuid, ref),
    name: record.name_label,
    description: record.name_description,
    tags: tagsOf(record.tags),
    kind: record.type,
    content: contentOf(record),
    shared: record.shared,
    size: sizeOf(record.physical_size),
    used: sizeOf(record.physical_utilisation),
    allocated: sizeOf(record.virtual_allocation),
    thin: isThin(record),
    maintenance: record.other_config[maintenanceKey] !== undefined,
    built: old?.built,
  }
}

function contentOf({ content_type: content, type, is_tools_sr: tools }: SRRecord): Storage['content'] {
  if (content === 'iso' || type === 'iso' || tools) return 'images'
  // Drives of the host itself: DVD, USB sticks.
  return type === 'udev' ? 'other' : 'disks'
}

const thinTypes: ReadonlySet<string> = new Set([
  'ext',
  'nfs',
  'smb',
  'file',
  'xfs',
  'zfs',
  'zfs-vol',
  'cephfs',
  'glusterfs',
  'moosefs',
  'linstor',
  'gfs2',
  'largeblock',
])
const thickTypes: ReadonlySet<string> = new Set(['lvm', 'lvmoiscsi', 'lvmohba', 'lvmofcoe'])

function isThin({ type, sm_config: config }: SRRecord): boolean | undefined {
  if (thinTypes.has(type)) return true
  return thickTypes.has(type) ? config['allocation'] === 'thin' : undefined
}

/** `PBD`: an SR on a host. */
export const pbdHandler: RecordHandler<'PBD'> = {
  put(model, ref, record) {
    const old = model.pbds.get(ref)
    const row: PbdRow = { sr: record.SR, host: record.host, attached: record.currently_attached }
    model.pbds.set(ref, row)
    relate(model, ref, old, row)
  },
  remove(model, ref) {
    const old = model.pbds.get(ref)
    model.pbds.delete(ref)
    relate(model, ref, old, undefined)
  },
}

function relate(model: Model, ref: string, old: PbdRow | undefined, row: PbdRow | undefined): void {
  model.pbdsOfSr.move(ref, old?.sr, row?.sr)
  model.mark('SR', old?.sr)
  model.mark('SR', row?.sr)
}

/** `SM`: what each type of SR can do. */
export const smHandler: RecordHandler<'SM'> = {
  put(model, ref, record) {
    const changeTracking = Object.hasOwn(record.features, 'VDI_CONFIG_CBT')
    model.sms.set(ref, { type: record.type, changeTracking })
    model.markWhere('SR', model.srs, ({ kind }) => kind === record.type)
  },
  remove(model, ref) {
    const old = model.sms.get(ref)
    model.sms.delete(ref)
    model.markWhere('SR', model.srs, ({ kind }) => kind === old?.type)
  },
}

export function buildStorage(model: Model, ref: string, row: SrRow): Storage | undefined {
  const { pool, connection } = model
  if (!pool) return undefined
  const { attached, missing } = hostsOf(model, ref, row)
  const storage: Storage = {
    id: row.id,
    connection,
    pool,
    name: row.name,
    tags: row.tags,
    kind: row.kind,
    content: row.content,
    state: attached.length === 0 ? 'detached' : missing.length > 0 ? 'degraded' : 'ok',
    shared: row.shared,
    hosts: attached,
    disks: model.disksOfSr.of(ref),
    default: [...model.pools.values()].some(({ defaultStorage }) => defaultStorage === ref),
  }
  if (row.description !== '') storage.description = row.description
  if (missing.length > 0) storage.missing = missing
  if (row.size !== undefined) storage.size = row.size
  if (row.used !== undefined) storage.used = row.used
  if (row.allocated !== undefined) storage.allocated = row.allocated
  if (row.thin !== undefined) storage.thin = row.thin
  if (row.maintenance) storage.maintenance = true
  const driver = [...model.sms.values()].find(({ type }) => type === row.kind)
  if (driver) storage.changeTracking = driver.changeTracking
  return storage
}

/** A shared SR should be attached to all hosts, another one to those that have it. */
function hostsOf(model: Model, ref: string, { shared }: SrRow) {
  const attached = new Set<string>()
  const wanted = new Set<string>(shared ? model.hosts.keys() : [])
  for (const key of model.pbdsOfSr.of(ref)) {
    const pbd = model.pbds.get(key)
    if (!pbd) continue
    wanted.add(pbd.host)
    if (pbd.attached) attached.add(pbd.host)
  }
  const idsOf = (hosts: readonly string[]): Storage['hosts'] =>
    hosts
      .map((host) => model.hosts.get(host)?.id)
      .filter((id) => id !== undefined)
      .sort()
  return { attached: idsOf([...attached]), missing: idsOf([...wanted].filter((host) => !attached.has(host))) }
}
