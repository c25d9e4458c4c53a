import type { NetworkId, VmId } from '@nixen/api'
import type { ProtectJournal } from '../protect/undo.ts'

interface Stoppable {
  readonly signal?: AbortSignal | undefined
}

/** A place for one health check: nothing in it is reached from outside, and it all goes with {@link VerifyActions.remove}. Plain JSON. */
export interface CheckPlace {
  /** Random; part of every name. */
  readonly mark: string
  /** Name that the VM has to get. */
  readonly name: string
  /** A network that leads nowhere, for all of its NICs. */
  readonly network: NetworkId
}

/** What can be seen of a guest from outside. */
export interface GuestSigns {
  /** `running`, `paused`, `halted`, …: as the inventory names them. */
  readonly power: string
  /** Another text after each start of the machine; undefined while it does not run. */
  readonly boot?: string | undefined
  readonly agent: AgentSigns
  /** What the script in the guest has answered to the challenge of this check. */
  readonly answer?: { readonly passed: boolean; readonly text: string } | undefined
  /** The guest holds an answer to another challenge: it is old, or made up. */
  readonly strangeAnswer?: true | undefined
}

/** What the guest agent says, and whether it is to be believed: `stale` is told by something that was there before the start. */
export type AgentSigns =
  | { readonly state: 'silent' }
  | { readonly state: 'stale'; readonly reason: string }
  | { readonly state: 'up'; readonly os?: string | undefined; readonly ips: readonly string[] }

/**
 * What a health check of a restore point needs of a provider beside `ProtectActions`: the VM is restored into a place that is cut off, started,
 * looked at, and removed.
 *
 * A script in the guest takes part by reading the challenge and writing `CHALLENGE passed` or `CHALLENGE failed REASON`; where, the provider says
 * in {@link script}.
 */
export interface VerifyActions {
  /** For people: where the guest finds the challenge and puts its answer; undefined where there is no such way. */
  readonly script?: string | undefined
  /** Makes the place. The step that removes it, with a VM in it, is in the journal before. */
  makePlace(options: Stoppable & { readonly name: string; readonly journal: ProtectJournal }): Promise<CheckPlace>
  /** Starts the restored VM so that not a packet of it gets out. @throws vm.*, connection.* */
  start(place: CheckPlace, options: Stoppable & { readonly vm: VmId; readonly challenge: string }): Promise<void>
  look(vm: VmId, options: Stoppable & { readonly challenge: string }): Promise<GuestSigns>
  /** What its screen shows, PNG or JPEG. @throws connection.* */
  picture(vm: VmId, options?: Stoppable): Promise<Uint8Array>
  /** Removes the place with all that is in it. May be repeated. */
  remove(place: Pick<CheckPlace, 'mark' | 'name'>, options?: Stoppable): Promise<void>
}
