import { systemClock, silentLog, type Clock, type Log } from '@nixen/core'
import type { VmImage } from './pool/images.ts'
import { toolstackErrors } from './errors.ts'
import { parseDump } from './record/dump.ts'
import { Site } from './pool/site.ts'
import type { Delays, Faults } from './faults/faults.ts'
import type { User } from './session/sessions.ts'

export interface ToolstackOptions {
  /** Pools of hosts, each with an inventory of its own; 1 when left out. This and the next three only shape a new state. */
  readonly pools?: number
  /** Hosts of each pool; 1 when left out. */
  readonly hosts?: number
  /** Machines of each pool; 0 when left out. */
  readonly vms?: number
  /** The same seed makes the same inventory; 1 when left out. */
  readonly seed?: number
  /** A dump of `recordPool` as parsed JSON: the first pool starts from it, in place of `hosts` and `vms`. Only shapes a new state. */
  readonly load?: unknown
  /** Keeps the state; without it the state ends with the process. */
  readonly dataDir?: string | undefined
  /** The port of every address; 0, the default, takes a free one. */
  readonly port?: number
  /** Port of NBD on every address; 10809 when left out, or a free one if `port` is 0. */
  readonly nbdPort?: number
  /** Disk images for machines of the first pool. */
  readonly images?: readonly VmImage[]
  /** Opens the debug port on 127.0.0.1: anybody on this machine may then play the guests. Each further pool takes the next port; 0 takes free ones. */
  readonly debugPort?: number | undefined
  /** HTTPS with a certificate of its own, the default; plain HTTP otherwise. */
  readonly tls?: boolean
  /** Addresses to use instead of 127.0.1.1, 127.0.1.2, …: one for each host, pool by pool. */
  readonly listen?: readonly string[] | undefined
  /** Whether `event.from` batches as a host does; yes when left out. */
  readonly waits?: boolean
  /** Whether a wrong password is answered after 5 s; yes when left out. */
  readonly loginDelay?: boolean
  /** How long a call waits for another operation on the same object, milliseconds; 2000 when left out. */
  readonly conflictWait?: number
  /** Password of `root`; `nixen` when left out. */
  readonly password?: string
  /** Who may log in beside `root`: accounts of the simulated directory, with a subject in the pool that has the role. */
  readonly users?: readonly User[]
  readonly delays?: Delays
  readonly clock?: Clock
  readonly log?: Log
}

/** A pool as its caller sees it. */
export interface RunningPool {
  readonly name: string
  /** `https://address:port` of the present master. */
  readonly url: string
  /** Address of each host that is in the pool now, in the order they came. */
  readonly addresses: readonly string[]
  /** Makes calls of this pool fail or wait. */
  readonly faults: Faults
  /** Takes the power of a host away, named by UUID or reference: it answers no more until it is started, or the toolstack is. */
  killHost(host: string): Promise<void>
  /** Gives a host its power back, named by UUID or reference: it answers again, with its storage plugged. */
  startHost(host: string): Promise<void>
  /** What of a loaded inventory could not be taken over. */
  readonly notes: readonly string[]
  /** Where the debug port listens, when it was asked for. */
  readonly debugUrl: string | undefined
}

/** A toolstack that answers. Disposing of it stops it and keeps its state. */
export interface Toolstack extends AsyncDisposable {
  readonly port: number
  /** The pools there are now: one goes when its host joins another, one comes when a host is ejected. */
  readonly pools: readonly RunningPool[]
  /** URL of the first pool's master at the start. */
  readonly url: string
  /** SHA-256 fingerprint of the certificate, absent without TLS. */
  readonly fingerprint: string | undefined
}

/** Starts pools of simulated hosts that speak XAPI. */
export async function startToolstack(options: ToolstackOptions = {}): Promise<Toolstack> {
  const { pools = 1, hosts = 1, vms = 0, log = silentLog, clock = systemClock } = options
  assertCount('pools', pools, { least: 1, most: 200 })
  assertCount('hosts', hosts, { least: 1, most: 64 })
  assertCount('vms', vms, { least: 0, most: 100_000 })
  const load = options.load === undefined ? undefined : parseDump(options.load)
  const site = await Site.start({ ...options, load, pools, hosts, vms, log, clock })
  const { port, fingerprint } = site
  const [first] = site.pools
  if (!first) throw new TypeError('No pool was started')
  const { url } = first
  return {
    port,
    get pools() {
      return site.pools
    },
    url,
    fingerprint,
    [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
  }
}

function assertCount(option: string, value: number, { least, most }: { least: number; most: number }): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw toolstackErrors.bad_option({ option, expected: `a whole number from ${least} to ${most}` })
}
