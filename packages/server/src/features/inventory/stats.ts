import { connectionOfId, type ResourceId, type Stats } from '@nixen/api'
import type { Metric, MetricUnit, Stats as Measured } from '@nixen/providers'
import type { Handler } from '../../http/handler.ts'
import { demandVisible } from '../../inventory/visible.ts'
import type { ReadPorts } from './read-handlers.ts'
import type { Contract } from '@nixen/api'

/** How far back each span reaches, and how fine it is: the archives that hosts keep; milliseconds. */
const spans = {
  '10m': { reach: 600_000, step: 5000 },
  '2h': { reach: 7_200_000, step: 60_000 },
  '1w': { reach: 604_800_000, step: 3_600_000 },
  '1y': { reach: 31_536_000_000, step: 86_400_000 },
} as const

const names: Readonly<Record<Metric, string>> = {
  cpu: 'cpu',
  'cpu-core': 'cpu',
  load: 'load',
  'memory-total': 'memory.total',
  'memory-used': 'memory',
  'memory-free': 'memory.free',
  'disk-read': 'disk.read',
  'disk-write': 'disk.write',
  'disk-read-ops': 'disk.read-operations',
  'disk-write-ops': 'disk.write-operations',
  'disk-read-latency': 'disk.read-latency',
  'disk-write-latency': 'disk.write-latency',
  'network-receive': 'network.receive',
  'network-send': 'network.transmit',
  'network-errors': 'network.errors',
  power: 'power',
}
/** Units in the contract's words. Watts have none there and count as a number. */
const units: Readonly<Record<MetricUnit, Stats['series'][number]['unit']>> = {
  fraction: 'fraction',
  count: 'count',
  bytes: 'bytes',
  'bytes/s': 'bytes/s',
  '1/s': 'operations/s',
  ms: 'duration',
  watt: 'count',
}

/** What was measured of VMs, hosts and storages. */
export function statsHandlers(ports: ReadPorts): {
  readonly vm: Handler<Contract['vm']['stats']>
  readonly host: Handler<Contract['host']['stats']>
  readonly storage: Handler<Contract['storage']['stats']>
} {
  const read = async (id: ResourceId, { span, series }: StatsInput, signal: AbortSignal): Promise<Stats> => {
    const { reach, step } = spans[span]
    const from = ports.clock.now() - reach
    const measured = await ports.connections.session(connectionOfId(id)).stats({ id, from, step, signal })
    return toStats(measured, series)
  }
  return {
    async vm({ params: { id }, input, who, info }) {
      demandVisible(ports.inventory, { type: 'vm', id, who })
      return await read(id, input, info.signal)
    },
    async host({ params: { id }, input, who, info }) {
      demandVisible(ports.inventory, { type: 'host', id, who })
      return await read(id, input, info.signal)
    },
    async storage({ params: { id }, input, who, info }) {
      demandVisible(ports.inventory, { type: 'storage', id, who })
      return await read(id, input, info.signal)
    },
  }
}

interface StatsInput {
  readonly span: keyof typeof spans
  readonly series?: readonly string[] | undefined
}

function toStats({ times, step, series }: Measured, wanted: readonly string[] | undefined): Stats {
  const named = series.map(({ metric, instance, unit, values }) => ({
    name: instance === undefined ? names[metric] : `${names[metric]}.${instance}`,
    unit: units[unit],
    values: [...values],
  }))
  const isWanted = ({ name }: { readonly name: string }): boolean =>
    wanted === undefined || wanted.some((prefix) => name === prefix || name.startsWith(`${prefix}.`))
  return { start: times[0] ?? 0, step, series: named.filter(isWanted) }
}
