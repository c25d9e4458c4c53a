import type { Xapi } from '../session/xapi.ts'
import { bodyOf, openGet } from '../streams/download.ts'
import { readRrdUpdates } from './read-updates.ts'
import type { Consolidation, RrdUpdates } from './series.ts'

export interface RrdUpdatesOptions {
  /** Address of the host to ask: it knows itself and the VMs that run on it. The master when left out. */
  readonly host?: string
  /** Epoch milliseconds of the oldest value wanted. The further back, the coarser: 5 s for 10 min, 1 min for 2 h, 1 h for a week, 1 day for a year. */
  readonly start: number
  readonly consolidation?: Consolidation
  /** Milliseconds between values: picks the archive. */
  readonly interval?: number
  /** With the data of the host itself. */
  readonly includeHost?: boolean
  /** Only this VM; all that run on the host when left out. */
  readonly vmUuid?: string
  /** With the data of this SR. */
  readonly srUuid?: string
  readonly signal?: AbortSignal
}

/** What a host has measured since `start`. @throws xapi.http_status, bad_answer, truncated */
export async function rrdUpdates(xapi: Xapi, options: RrdUpdatesOptions): Promise<RrdUpdates> {
  const { host, start, consolidation = 'AVERAGE', interval, includeHost = false, vmUuid, srUuid, signal } = options
  const query = {
    start: Math.floor(start / 1000),
    cf: consolidation,
    interval: interval === undefined ? undefined : Math.round(interval / 1000),
    host: includeHost || undefined,
    vm_uuid: vmUuid,
    sr_uuid: srUuid,
    json: true,
  }
  const response = await openGet(xapi.streams, { path: '/rrd_updates', query, host, signal })
  return await readRrdUpdates(bodyOf(response, signal))
}
