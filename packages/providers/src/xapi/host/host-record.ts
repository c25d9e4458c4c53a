import type { Host, HostCpu, HostProduct } from '@nixen/api'
import type { HostRecord } from '@nixen/xapi'
import { busyOf, isYes, sizeOf, sizeOrZero, tagsOf, timeOf, wholeNumber } from '../model/fields.ts'
import type { RecordHandler } from '../model/handler.ts'
import type { Model } from '../model/model.ts'
import type { HostRow } from '../model/rows.ts'

/** `host`. */
export const hostHandler: RecordHandler<'host'> = {
  put(model, ref, record) {
    const old = model.hosts.get(ref)
    const row = readHost(model, ref, record, old)
    model.hosts.set(ref, row)
    if (old?.metrics) model.metricsOwner.delete(old.metrics)
    if (row.metrics) model.metricsOwner.set(row.metrics, ref)
    // VMs, NICs and storages name their hosts.
    if (!old) model.markAll()
    model.mark('host', ref)
    model.markPool()
  },
  remove(model, ref) {
    const old = model.hosts.get(ref)
    if (!old) return
    model.hosts.delete(ref)
    if (old.metrics) model.metricsOwner.delete(old.metrics)
    if (old.built) model.markGone(old.built.id)
    model.markAll()
  },
}

function readHost(model: Model, ref: string, record: HostRecord, old: HostRow | undefined): HostRow {
  const iommu = record.chipset_info['iommu']
  return {
    id: old?.id ?? model.id('host', record.uuid, ref),
    name: record.name_label,
    description: record.name_description,
    tags: tagsOf(record.tags),
    enabled: record.enabled,
    hostname: record.hostname,
    address: record.address,
    product: productOf(record),
    cpu: cpuOf(record.cpu_info),
    metrics: record.metrics,
    certificates: record.certificates,
    started: bootTime(record.other_config['boot_time']),
    needsReboot: needsReboot(record),
    iommu: iommu === undefined ? undefined : isYes(iommu),
    busy: busyOf(record.current_operations),
    built: old?.built,
  }
}

/** Seconds since 1970 in text, sometimes with a fraction. */
function bootTime(text: string | undefined): number | undefined {
  return text === undefined || text.trim() === '' ? undefined : timeOf(Math.round(Number(text) * 1000))
}

function needsReboot({ updates_requiring_reboot: updates, pending_guidances: guidances }: HostRecord): boolean {
  return updates.length > 0 || (guidances?.includes('reboot_host') ?? false)
}

function cpuOf(info: Readonly<Record<string, string>>): HostCpu | undefined {
  const threads = wholeNumber(info['cpu_count'])
  if (threads === undefined) return undefined
  const cpu: HostCpu = { threads }
  if (info['modelname']) cpu.model = info['modelname'].trim()
  if (info['vendor']) cpu.vendor = info['vendor']
  const sockets = wholeNumber(info['socket_count'])
  if (sockets !== undefined) cpu.sockets = sockets
  const perCore = wholeNumber(info['threads_per_core'])
  if (perCore) cpu.cores = Math.floor(threads / perCore)
  return cpu
}

function productOf(record: HostRecord): HostProduct | undefined {
  const { product_brand: name, product_version: version, build_number: build, xen } = record.software_version
  if (!name || !version) return undefined
  const product: HostProduct = { name, version }
  if (build) product.build = build
  if (xen) product.hypervisor = `Xen ${xen}`
  product.api = `${record.API_version_major}.${record.API_version_minor}`
  return product
}

/** `host_metrics`. */
export const hostMetricsHandler: RecordHandler<'host_metrics'> = {
  put(model, ref, record) {
    const free = record.memory_free === undefined ? undefined : sizeOf(record.memory_free)
    model.hostMetrics.set(ref, { total: sizeOrZero(record.memory_total), free, live: record.live })
    model.mark('host', model.metricsOwner.get(ref))
    model.markPool()
  },
  remove(model, ref) {
    model.hostMetrics.delete(ref)
    model.mark('host', model.metricsOwner.get(ref))
    model.markPool()
  },
}

/** `Certificate`: of hosts; others are not looked at. */
export const certificateHandler: RecordHandler<'Certificate'> = {
  put(model, ref, record) {
    model.certificates.set(ref, {
      host: record.host,
      type: record.type ?? 'host',
      fingerprint: record.fingerprint_sha256 || record.fingerprint,
    })
    model.mark('host', record.host)
  },
  remove(model, ref) {
    model.mark('host', model.certificates.get(ref)?.host)
    model.certificates.delete(ref)
  },
}

export function buildHost(model: Model, ref: string, row: HostRow): Host | undefined {
  const { pool, connection } = model
  if (!pool) return undefined
  const metrics = row.metrics ? model.hostMetrics.get(row.metrics) : undefined
  const host: Host = {
    id: row.id,
    connection,
    pool,
    name: row.name,
    tags: row.tags,
    power: metrics ? (metrics.live ? 'running' : 'halted') : 'unknown',
    enabled: row.enabled,
    master: [...model.pools.values()].some(({ master }) => master === ref),
    vms: model.vmsOfHost.of(ref),
    needsReboot: row.needsReboot,
  }
  if (row.description !== '') host.description = row.description
  if (row.hostname !== '') host.hostname = row.hostname
  if (row.address !== '') host.address = row.address
  if (row.product) host.product = row.product
  if (row.cpu) host.cpu = row.cpu
  if (metrics) host.memory = metrics.total
  if (metrics?.free !== undefined) host.memoryUsed = Math.max(0, metrics.total - metrics.free)
  if (row.started !== undefined) host.started = row.started
  const certificate = certificateOf(model, row)
  if (certificate !== undefined) host.certificate = certificate
  if (row.iommu !== undefined) host.iommu = row.iommu
  if (row.busy) host.busy = [...row.busy]
  return host
}

/** The SHA-256 fingerprint of the certificate that the host answers with. */
function certificateOf(model: Model, { certificates }: HostRow): string | undefined {
  for (const ref of certificates) {
    const row = model.certificates.get(ref)
    if (row?.type === 'host' && /^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/i.test(row.fingerprint))
      return row.fingerprint.toUpperCase()
  }
  return undefined
}
