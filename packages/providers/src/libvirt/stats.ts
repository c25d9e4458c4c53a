import { seriesName, statsMetrics, type Stats, type StatsMetric, type StatsSeries } from '@nixen/api'
import type { Clock } from '@nixen/core'
import { constants as c, optional, type Libvirt } from '@nixen/libvirt'
import { valuesOf } from './read/guest.ts'

/** Milliseconds between two looks. */
const step = 10_000
/** How far back, in milliseconds: libvirt keeps nothing itself. */
const reach = 600_000

/** Counters of a domain or the host at a moment; those that only grow are told as rates. */
interface Sample {
  readonly at: number
  /** By series; counters as they were read. */
  readonly values: ReadonlyMap<string, number>
}

interface Metric {
  readonly metric: StatsMetric
  readonly instance?: string | undefined
  /** A counter that grows: told as its growth per second, times this. */
  readonly perSecond?: number
  /** Times this. */
  readonly factor?: number
}

/** Measures all domains that run and their host every ten seconds by a few calls, and keeps ten minutes of it. */
export class StatsSampler {
  readonly #clock: Clock
  readonly #hostKey: string
  readonly #samples = new Map<string, Sample[]>()

  constructor({ clock, hostKey }: { readonly clock: Clock; readonly hostKey: string }) {
    this.#clock = clock
    this.#hostKey = hostKey
  }

  /** Measures until the signal is aborted. What the daemon does not tell is left out. */
  async run(libvirt: Libvirt, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.measure(libvirt)
      await this.#clock.sleep(step, { signal }).catch(() => undefined)
    }
  }

  async measure({ call }: Libvirt): Promise<void> {
    const now = this.#clock.now()
    const flags = c.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | c.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
    const groups =
      c.VIR_DOMAIN_STATS_CPU_TOTAL |
      c.VIR_DOMAIN_STATS_BALLOON |
      c.VIR_DOMAIN_STATS_VCPU |
      c.VIR_DOMAIN_STATS_INTERFACE |
      c.VIR_DOMAIN_STATS_BLOCK
    const found = await optional(call.connectGetAllDomainStats({ doms: [], stats: groups, flags }))
    for (const { dom, params } of found?.retStats ?? []) {
      const values = valuesOf(params)
      this.#add(dom.uuid, { at: now, values: new Map([...values].map(([key, value]) => [key, Number(value)])) })
    }
    const cpuNum = c.VIR_NODE_CPU_STATS_ALL_CPUS
    const cellNum = c.VIR_NODE_MEMORY_STATS_ALL_CELLS
    // Asked with 0 they say how many values there are, which then has to be said.
    const [cpus, cells, info] = await Promise.all([
      optional(call.nodeGetCpuStats({ cpuNum, nparams: 0 })),
      optional(call.nodeGetMemoryStats({ cellNum, nparams: 0 })),
      call.nodeGetInfo(),
    ])
    const cpu = cpus && (await call.nodeGetCpuStats({ cpuNum, nparams: cpus.nparams }))
    const memory = cells && (await call.nodeGetMemoryStats({ cellNum, nparams: cells.nparams }))
    const host = new Map<string, number>([['vcpu.current', info.cpus]])
    let busy = 0
    for (const { field, value } of cpu?.params ?? []) if (field !== 'idle' && field !== 'iowait') busy += Number(value)
    if (cpu && cpu.params.length > 0) host.set('cpu.time', busy)
    for (const { field, value } of memory?.params ?? []) host.set(`node.${field}`, Number(value))
    this.#add(this.#hostKey, { at: now, values: host })
    this.#forget(now)
  }

  /** What was measured of a VM or the host, by its key. */
  of(key: string, { from }: { readonly from: number }): Stats {
    const samples = (this.#samples.get(key) ?? []).filter(({ at }) => at >= from - step)
    const [first] = samples
    if (!first) return { start: this.#clock.now(), step, series: [] }
    const names = new Set(samples.flatMap(({ values }) => [...values.keys()]))
    const series: StatsSeries[] = []
    for (const name of names) {
      const known = metricOf(name, samples.at(-1)?.values ?? first.values)
      if (!known) continue
      const values = samples.map((sample, i) => valueAt(known, name, { sample, before: samples[i - 1] }))
      series.push({ name: seriesName(known.metric, known.instance), unit: statsMetrics[known.metric], values })
    }
    return { start: first.at, step, series: [...series, ...derived(series)] }
  }

  #add(key: string, sample: Sample): void {
    const list = this.#samples.get(key)
    if (list) list.push(sample)
    else this.#samples.set(key, [sample])
  }

  #forget(now: number): void {
    for (const [key, list] of this.#samples) {
      while (list[0] && list[0].at < now - reach) list.shift()
      if (list.length === 0) this.#samples.delete(key)
    }
  }
}

const blockMetrics: Readonly<Record<string, Metric>> = {
  'rd.bytes': { metric: 'disk.read', perSecond: 1 },
  'wr.bytes': { metric: 'disk.write', perSecond: 1 },
  'rd.reqs': { metric: 'disk.read-operations', perSecond: 1 },
  'wr.reqs': { metric: 'disk.write-operations', perSecond: 1 },
}
const netMetrics: Readonly<Record<string, Metric>> = {
  'rx.bytes': { metric: 'network.receive', perSecond: 1 },
  'tx.bytes': { metric: 'network.transmit', perSecond: 1 },
}

/** What a parameter of `virConnectGetAllDomainStats` stands for. Times are nanoseconds, memory KiB. */
function metricOf(name: string, values: ReadonlyMap<string, number>): Metric | undefined {
  const cpus = values.get('vcpu.current') || 1
  if (name === 'cpu.time') return { metric: 'cpu', perSecond: 1e-9 / cpus }
  if (name === 'balloon.current') return { metric: 'memory.total', factor: 1024 }
  if (name === 'balloon.unused') return { metric: 'memory.free', factor: 1024 }
  if (name === 'node.total') return { metric: 'memory.total', factor: 1024 }
  if (name === 'node.free') return { metric: 'memory.free', factor: 1024 }
  const [, vcpu] = /^vcpu\.(\d+)\.time$/.exec(name) ?? []
  if (vcpu !== undefined) return { metric: 'cpu', instance: vcpu, perSecond: 1e-9 }
  const [, group, index = '', rest = ''] = /^(block|net)\.(\d+)\.(.+)$/.exec(name) ?? []
  const found = group === 'block' ? blockMetrics[rest] : group === 'net' ? netMetrics[rest] : undefined
  return found && { ...found, instance: index }
}

function valueAt(
  { perSecond, factor = 1 }: Metric,
  name: string,
  { sample, before }: { readonly sample: Sample; readonly before: Sample | undefined },
): number | null {
  const value = sample.values.get(name)
  if (value === undefined) return null
  if (perSecond === undefined) return value * factor
  const old = before?.values.get(name)
  // A counter that fell has begun anew.
  if (!before || old === undefined || value < old) return null
  return ((value - old) / ((sample.at - before.at) / 1000)) * perSecond
}

function derived(series: readonly StatsSeries[]): StatsSeries[] {
  const total = series.find(({ name }) => name === 'memory.total')
  const free = series.find(({ name }) => name === 'memory.free')
  if (!total || !free) return []
  const values = total.values.map((value, i) => {
    const other = free.values[i]
    return value === null || other === null || other === undefined ? null : value - other
  })
  return [{ name: 'memory', unit: 'bytes', values }]
}
