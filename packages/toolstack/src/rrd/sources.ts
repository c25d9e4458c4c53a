import { GiB, KiB, MiB } from '@nixen/core'
import type { Database } from '../db/database.ts'
import type { Ref } from '../generated/rows.ts'
import type { Series } from './series.ts'

/** What is measured of one object. */
export interface Measured {
  readonly kind: 'vm' | 'host' | 'sr'
  readonly uuid: string
  readonly series: readonly Series[]
}

const constant = (name: string, value: number): Series => ({ name, low: value, high: value })

/** What a host measures of a machine that runs on it. */
export function vmSources(db: Database, vm: Ref<'VM'>): Measured {
  const { uuid, VCPUs_at_startup, memory_target, memory_dynamic_max, VIFs, VBDs } = db.get('VM', vm)
  const memory = memory_target || memory_dynamic_max
  const devices = [...VBDs].map((ref) => db.get('VBD', ref)).filter((vbd) => vbd.type === 'Disk')
  const interfaces = [...VIFs].map((ref) => db.get('VIF', ref))
  return {
    kind: 'vm',
    uuid,
    series: [
      ...Array.from({ length: VCPUs_at_startup }, (_, i) => ({ name: `cpu${i}`, low: 0.005, high: 0.9 })),
      { name: 'cpu_usage', low: 0.005, high: 0.9 },
      constant('memory', memory),
      constant('memory_target', memory),
      { name: 'memory_internal_free', low: (memory * 0.15) / KiB, high: (memory * 0.7) / KiB },
      ...interfaces.flatMap(({ device }) => [
        { name: `vif_${device}_rx`, low: 200, high: 20 * MiB },
        { name: `vif_${device}_tx`, low: 100, high: 12 * MiB },
        constant(`vif_${device}_rx_errors`, 0),
        constant(`vif_${device}_tx_errors`, 0),
      ]),
      ...devices.flatMap(({ device, userdevice }) => diskSeries(device || `xvd${letter(Number(userdevice))}`)),
      { name: 'runstate_fullrun', low: 0, high: 0.6 },
      { name: 'runstate_full_contention', low: 0, high: 0.01 },
      { name: 'runstate_concurrency_hazard', low: 0, high: 0.02 },
      { name: 'runstate_blocked', low: 0.2, high: 0.98 },
      { name: 'runstate_partial_run', low: 0, high: 0.3 },
      { name: 'runstate_partial_contention', low: 0, high: 0.02 },
    ],
  }
}

function letter(index: number): string {
  return String.fromCodePoint(0x61 + (Number.isFinite(index) ? index % 26 : 0))
}

function diskSeries(device: string): Series[] {
  const prefix = `vbd_${device}`
  return [
    { name: `${prefix}_read`, low: 0, high: 60 * MiB },
    { name: `${prefix}_write`, low: 2 * KiB, high: 30 * MiB },
    { name: `${prefix}_read_latency`, low: 200, high: 9000 },
    { name: `${prefix}_write_latency`, low: 300, high: 12_000 },
    ...throughput(prefix),
  ]
}

function throughput(prefix: string): Series[] {
  const each = (name: string, high: number): Series => ({ name: `${prefix}_${name}`, low: 0, high })
  return [
    each('io_throughput_read', 60),
    each('io_throughput_write', 30),
    each('io_throughput_total', 90),
    each('iops_read', 2500),
    each('iops_write', 1800),
    each('iops_total', 4300),
    each('iowait', 0.4),
    each('inflight', 6),
    each('latency', 12),
    each('avgqu_sz', 3),
  ]
}

/** What a host measures of itself. */
export function hostSources(db: Database, host: Ref<'host'>): Measured {
  const { uuid, cpu_info, metrics, PIFs, resident_VMs } = db.get('host', host)
  const cores = Number(cpu_info['cpu_count'] ?? 4)
  const total = db.find('host_metrics', metrics)?.memory_total ?? 64 * GiB
  const nics = [...PIFs].map((pif) => db.get('PIF', pif)).filter(({ physical }) => physical)
  return {
    kind: 'host',
    uuid,
    series: [
      ...Array.from({ length: cores }, (_, i) => ({ name: `cpu${i}`, low: 0.01, high: 0.8 })),
      { name: 'cpu_avg', low: 0.02, high: 0.7 },
      { name: 'loadavg', low: 0.05, high: 4 },
      { name: 'hostload', low: 0.02, high: 0.8 },
      constant('running_domains', resident_VMs.size),
      constant(
        'running_vcpus',
        [...resident_VMs].reduce((sum, vm) => sum + db.get('VM', vm).VCPUs_at_startup, 0),
      ),
      constant('memory_total_kib', total / KiB),
      { name: 'memory_free_kib', low: (0.1 * total) / KiB, high: (0.5 * total) / KiB },
      constant('memory_reclaimed', 0),
      constant('memory_reclaimed_max', 0),
      ...nics.flatMap(({ device }) => [
        { name: `pif_${device}_rx`, low: 2000, high: 80 * MiB },
        { name: `pif_${device}_tx`, low: 1500, high: 60 * MiB },
      ]),
      { name: 'pif_aggr_rx', low: 4000, high: 160 * MiB },
      { name: 'pif_aggr_tx', low: 3000, high: 120 * MiB },
      constant('Tapdisks_in_low_memory_mode', 0),
      { name: 'pool_session_count', low: 1, high: 40 },
      { name: 'pool_task_count', low: 0, high: 12 },
      { name: 'xapi_memory_usage_kib', low: 180_000, high: 320_000 },
      { name: 'xapi_free_memory_kib', low: 10_000, high: 60_000 },
      { name: 'xapi_live_memory_kib', low: 60_000, high: 110_000 },
      { name: 'xapi_allocation_kib', low: 0, high: 9000 },
      { name: 'xapi_open_fds', low: 60, high: 220 },
      { name: 'DCMI-power-reading', low: 140, high: 420 },
    ],
  }
}

/** What a host measures of an SR. */
export function srSources(db: Database, sr: Ref<'SR'>): Measured {
  const { uuid } = db.get('SR', sr)
  const short = uuid.slice(0, 8)
  const series = throughput('io').map(({ name, low, high }) => ({
    name: `${name.slice(3)}_${short}`,
    low,
    high: 4 * high,
  }))
  return {
    kind: 'sr',
    uuid,
    series: [
      { name: `read_${short}`, low: 0, high: 300 * MiB },
      { name: `write_${short}`, low: KiB, high: 150 * MiB },
      ...series,
    ],
  }
}
