import type { Clock, Log, Random } from '@nixen/core'
import type { Database } from '../db/database.ts'
import type { StoredRow } from '../db/row-store.ts'
import type { Events } from '../events/events.ts'
import type { Faults } from '../faults/faults.ts'
import type { Ref } from '../generated/rows.ts'
import type { Directory } from '../session/directory.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Screens } from '../streams/console/screens.ts'
import type { StoragePort } from '../storage/storage-port.ts'
import type { Tasks } from '../tasks/tasks.ts'
import type { ServerCertificate } from '../wire/certificate.ts'

/** How a pool behaves where a real one has no choice. Times in milliseconds. */
export interface PoolSettings {
  /** Whether `event.from` batches as a host does, which adds at least 50 ms to each event. */
  readonly waits: boolean
  /** Whether a wrong password is answered after 5 s, as on a host. */
  readonly loginDelay: boolean
  /** How long a call waits for another operation on the same object before `OTHER_OPERATION_IN_PROGRESS`. */
  readonly conflictWait: number
}

/** What a pool of hosts shares: its inventory and all that works on it. */
export interface Pool {
  readonly db: Database
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly settings: PoolSettings
  readonly sessions: Sessions
  /** The directory service that subjects log in by. */
  readonly directory: Directory
  readonly tasks: Tasks
  readonly events: Events
  readonly faults: Faults
  readonly storage: StoragePort
  /** What the machines show. */
  readonly screens: Screens
  /** What each host answers with; by NBD even when HTTP is plain. */
  readonly certificates: Map<Ref<'host'>, ServerCertificate>
  /** The port of each host's NBD server, while it runs. */
  readonly nbdPorts: Map<Ref<'host'>, number>
  /** The pools that run in this process, this one too: machines and hosts may move between them. */
  readonly neighbours: ReadonlySet<Pool>
  /** How hosts change their pools. */
  readonly moves: HostMoves
  /** The only host has joined another pool and is about to go on there: nothing may change here any more. */
  leaving: boolean
  /** Aborted when the toolstack stops. */
  readonly signal: AbortSignal
}

/** Moves hosts between the pools of this process. */
export interface HostMoves {
  /** The pool whose host answers on an address, and that host; `undefined` when nobody does. */
  at(address: string): { readonly pool: Pool; readonly host: Ref<'host'> } | undefined
  /** Makes the only host of `pool` a member of `target`. With `later` it goes on answering for a moment, so that the end of a task can be seen. */
  join(pool: Pool, target: Pool, options: { readonly later: boolean }): Promise<void>
  /** Takes a member out of its pool, into one of its own. */
  eject(pool: Pool, host: Ref<'host'>): Promise<void>
  /** Makes a host that lost its power answer again, on its address. */
  powerOn(pool: Pool, host: Ref<'host'>): Promise<void>
  /** Lets a host answer with another certificate, for good. */
  present(pool: Pool, host: Ref<'host'>, certificate: ServerCertificate): Promise<void>
  /** Puts other rows in the place of the pool's inventory, as the restart of all its hosts does. */
  restore(pool: Pool, rows: readonly StoredRow[]): Promise<void>
}

/** The row that stands for the pool itself. */
export function poolRef(db: Database): Ref<'pool'> {
  for (const row of db.rows('pool')) return row.ref
  throw new TypeError('The inventory has no pool')
}

/** The host that answers for the pool. */
export function masterOf(db: Database): Ref<'host'> {
  return db.get('pool', poolRef(db)).master
}
