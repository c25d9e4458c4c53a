import type { Records } from '@nixen/xapi'
import { busy, isMachine, sum, withoutAbsent, type Fields } from './fields.ts'
import type { PoolRecords } from './records.ts'

/** `pool`, with what its hosts add up to. */
export function poolTruth(db: PoolRecords): Fields {
  const { pool: _, ...common } = db.common('pool', db.pool)
  const hosts = [...db.tables.host.values()]
  const metrics = hosts.map((host) => db.get('host_metrics', host.metrics))
  const vms = [...db.tables.VM.values()].filter(isMachine)
  const master = db.get('host', db.pool.master)
  const versions = new Set(hosts.map(versionOf))
  return {
    ...common,
    name: db.pool.name_label || master?.name_label,
    kind: 'xapi',
    master: master && db.id('host', master),
    hosts: hosts.length,
    vms: vms.length,
    running: vms.filter((vm) => vm.power_state === 'Running').length,
    cpus: sum(hosts.map((host) => Number(host.cpu_info['cpu_count'] ?? 0))),
    memory: sum(metrics.map((row) => row?.memory_total ?? 0)),
    memoryUsed: sum(metrics.map((row) => (row?.memory_free === undefined ? 0 : row.memory_total - row.memory_free))),
    version: versions.size === 1 ? [...versions][0] : undefined,
    defaultStorage: db.idOf('storage', 'SR', db.pool.default_SR),
    ha: db.pool.ha_enabled,
    autoStart: db.pool.other_config['auto_poweron'] === 'true',
    updating: false,
    rolling: rollingOf(db.pool.other_config['nixen:rolling'], hosts.length),
  }
}

/** `host`. */
export function hostTruth(db: PoolRecords, ref: string, record: Records['host']): Fields {
  const metrics = db.get('host_metrics', record.metrics)
  const { cpu_info: cpu, software_version: software } = record
  const running = [...db.tables.VM.values()].filter((vm) => isMachine(vm) && vm.resident_on === ref)
  const certificate = record.certificates.map((key) => db.get('Certificate', key)).find((row) => row?.type === 'host')
  return {
    ...db.common('host', record),
    power: metrics ? (metrics.live ? 'running' : 'halted') : 'unknown',
    enabled: record.enabled,
    master: db.pool.master === ref,
    hostname: record.hostname || undefined,
    address: record.address || undefined,
    product: withoutAbsent({
      name: software['product_brand'],
      version: software['product_version'],
      build: software['build_number'],
      hypervisor: software['xen'] && `Xen ${software['xen']}`,
      api: `${record.API_version_major}.${record.API_version_minor}`,
    }),
    cpu: {
      threads: Number(cpu['cpu_count']),
      model: cpu['modelname'],
      vendor: cpu['vendor'],
      sockets: Number(cpu['socket_count']),
      cores: Number(cpu['cpu_count']) / Number(cpu['threads_per_core']),
    },
    memory: metrics?.memory_total,
    memoryUsed: metrics?.memory_free === undefined ? undefined : metrics.memory_total - metrics.memory_free,
    vms: running.filter((vm) => vm.power_state === 'Running').length,
    started: Math.round(Number(record.other_config['boot_time']) * 1000) || undefined,
    needsReboot: record.updates_requiring_reboot.length > 0 || !!record.pending_guidances?.includes('reboot_host'),
    certificate: certificate?.fingerprint_sha256?.toUpperCase(),
    iommu: record.chipset_info['iommu'] === 'true',
    busy: busy(record.current_operations),
  }
}

function versionOf({ software_version: { product_brand: brand, product_version: version } }: Records['host']): string {
  return `${brand} ${version}`
}

function rollingOf(text: string | undefined, hosts: number): Fields | undefined {
  if (text === undefined) return undefined
  // Written by the provider.
  const { what, done } = JSON.parse(text) as { what: string; done: string[] }
  return { what, done: done.length, hosts }
}
