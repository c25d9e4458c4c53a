import type { ConnectionSpec, Provider } from '../provider.ts'

/** A rule of a daemon that is in force. */
export interface Fault {
  /** Whether it has struck. */
  readonly struck: boolean
  remove(): void
}

/** A daemon that dies and comes back. */
export interface Death {
  /** Whether it has died. */
  readonly struck: boolean
  /** Resolves when it is back; at once when it never died, and will not any more. */
  back(): Promise<void>
}

/** One endpoint of an {@link ActingTarget}. */
export interface ActingEndpoint {
  readonly spec: ConnectionSpec
  /** The inventory as the daemon's own records say it now: fields by id, without tasks and alarms. */
  truth(): Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>>
  /** The daemon refuses one call: the one after `skip` others from now on. What it asks itself, and the wait for tasks, do not count. */
  failCall(skip: number): Fault
  /**
   * The daemon dies in the middle of a call: the one after `skip` others from now on, before it is done or (`after`) when it is, with its answer on the
   * way. It comes back with what it had as soon as it is seen to have died.
   */
  dieAt(skip: number, options: { readonly after: boolean }): Death
  /** What changes something takes so long from now on, in milliseconds. */
  slow(ms: number): void
}

/** Daemons to test what a provider does: real, at rest, and the test's own. The second is another pool. */
export interface ActingTarget extends AsyncDisposable {
  readonly provider: Provider
  readonly first: ActingEndpoint
  readonly second: ActingEndpoint
  /** A folder on the hosts that a storage can be made in. */
  readonly folder: string
}

/** Starts them: some VMs on two hosts, and another pool with one host. */
export type ActingFactory = () => Promise<ActingTarget>
