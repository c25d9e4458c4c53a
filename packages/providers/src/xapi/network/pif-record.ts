import type { Nic } from '@nixen/api'
import type { PIFRecord } from '@nixen/xapi'
import { sizeOrZero } from '../model/fields.ts'
import type { RecordHandler } from '../model/handler.ts'
import type { Model } from '../model/model.ts'
import type { PifRow } from '../model/rows.ts'

/** `PIF`: a NIC of a host. */
export const pifHandler: RecordHandler<'PIF'> = {
  put(model, ref, record) {
    const old = model.pifs.get(ref)
    const row = readPif(model, ref, record, old)
    model.pifs.set(ref, row)
    relate(model, ref, old, row)
    model.mark('PIF', ref)
  },
  remove(model, ref) {
    const old = model.pifs.get(ref)
    model.pifs.delete(ref)
    if (old?.built) model.markGone(old.built.id)
    relate(model, ref, old, undefined)
  },
}

function relate(model: Model, ref: string, old: PifRow | undefined, row: PifRow | undefined): void {
  model.pifsOfNetwork.move(ref, old?.network, row?.network)
  if (old?.metrics) model.metricsOwner.delete(old.metrics)
  if (row?.metrics) model.metricsOwner.set(row.metrics, ref)
  model.mark('network', old?.network)
  model.mark('network', row?.network)
}

function readPif(model: Model, ref: string, record: PIFRecord, old: PifRow | undefined): PifRow {
  return {
    id: old?.id ?? model.id('nic', record.uuid, ref),
    host: record.host,
    network: record.network,
    device: record.device,
    kind: kindOf(record),
    mac: record.MAC.toLowerCase(),
    mtu: sizeOrZero(record.MTU),
    vlan: record.VLAN >= 0 ? record.VLAN : undefined,
    attached: record.currently_attached,
    // IPv6 comes with the length of its prefix.
    ips: [record.IP, ...record.IPv6.map((address) => address.split('/', 1)[0] ?? '')].filter(Boolean),
    management: record.management,
    metrics: record.metrics,
    built: old?.built,
  }
}

function kindOf(record: PIFRecord): PifRow['kind'] {
  if (record.VLAN >= 0) return 'vlan'
  if (record.bond_master_of.length > 0) return 'bond'
  return record.tunnel_access_PIF_of.length > 0 ? 'tunnel' : 'physical'
}

/** `PIF_metrics`: the link. */
export const pifMetricsHandler: RecordHandler<'PIF_metrics'> = {
  put(model, ref, { carrier, speed }) {
    model.pifMetrics.set(ref, { carrier, speed: speed > 0 ? speed * 1_000_000 : undefined })
    model.mark('PIF', model.metricsOwner.get(ref))
  },
  remove(model, ref) {
    model.pifMetrics.delete(ref)
    model.mark('PIF', model.metricsOwner.get(ref))
  },
}

/** The NIC that a record stands for; nothing while its host is not known. */
export function buildHostNic(model: Model, row: PifRow): Nic | undefined {
  const { pool, connection } = model
  const host = model.hosts.get(row.host)
  if (!pool || !host) return undefined
  const nic: Nic = {
    id: row.id,
    connection,
    pool,
    host: host.id,
    name: row.vlan === undefined ? row.device : `${row.device}.${row.vlan}`,
    kind: row.kind,
    mtu: row.mtu,
    attached: row.attached,
    ips: row.ips,
    management: row.management,
  }
  const network = model.networks.get(row.network)
  if (network) nic.network = network.id
  if (row.mac !== '') nic.mac = row.mac
  if (row.vlan !== undefined) nic.vlan = row.vlan
  const metrics = row.metrics ? model.pifMetrics.get(row.metrics) : undefined
  if (metrics) nic.carrier = metrics.carrier
  if (metrics?.speed !== undefined) nic.speed = metrics.speed
  return nic
}
