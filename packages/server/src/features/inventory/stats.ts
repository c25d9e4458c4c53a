import { connectionOfId, type Contract, type ResourceId, type Stats } from '@nixen/api'
import type { Handler } from '../../http/handler.ts'
import { demandVisible } from '../../inventory/visible.ts'
import type { ReadPorts } from './read-handlers.ts'

/** How far back each span reaches, and how fine it is: the archives that hosts keep; milliseconds. */
const spans = {
  '10m': { reach: 600_000, step: 5000 },
  '2h': { reach: 7_200_000, step: 60_000 },
  '1w': { reach: 604_800_000, step: 3_600_000 },
  '1y': { reach: 31_536_000_000, step: 86_400_000 },
} as const

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
    return chosen(measured, series)
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

/** The series that were asked for: those of a name, and of what is behind it. */
function chosen(stats: Stats, wanted: readonly string[] | undefined): Stats {
  if (!wanted) return stats
  const isWanted = ({ name }: { readonly name: string }): boolean =>
    wanted.some((prefix) => name === prefix || name.startsWith(`${prefix}.`))
  return { ...stats, series: stats.series.filter(isWanted) }
}
