import type { Clock, Log, Random } from '@nixen/core'
import type { TlsTrust } from '../transport/trust.ts'

/** How to reach a pool and who one is there. Times in milliseconds. */
export interface XapiOptions {
  /** `https://host[:port]` of any member; a member that is not the master names the master. */
  readonly url: string
  readonly username: string
  /** Never in an error, never in a log. */
  readonly password: string
  /** Shown in the host's logs and tasks; hosts also limit the number of sessions by it. `nixen` when left out. */
  readonly originator?: string
  /** How the hosts prove themselves; verification by the system's authorities when left out. */
  readonly tls?: TlsTrust
  readonly timeouts?: Partial<XapiTimeouts>
  /** Calls that wait for an answer at once; 20 when left out. */
  readonly concurrency?: number
  /** Longest answer to a call in bytes; 512 MiB when left out. */
  readonly maxAnswerBytes?: number
  /** Ends connecting. */
  readonly signal?: AbortSignal
  readonly log?: Log
  readonly clock?: Clock
  readonly random?: Random
}

export interface XapiTimeouts {
  /** For a connection with its TLS handshake; 10 s. */
  readonly connect: number
  /** For a whole call; 5 min. Long operations are tasks and do not come near it. */
  readonly call: number
  /** For a log-in; 30 s, since a host takes 5 s to refuse a password. */
  readonly login: number
  /** How long another master is looked for when the one in use is gone; 2 min. */
  readonly failover: number
  /** Longest silence in a stream of bytes; 5 min. Hosts are slow to begin an export. */
  readonly idle: number
}

export const defaultTimeouts: XapiTimeouts = {
  connect: 10_000,
  call: 300_000,
  login: 30_000,
  failover: 120_000,
  idle: 300_000,
}
