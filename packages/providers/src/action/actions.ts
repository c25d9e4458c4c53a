import type { ActionRequest, Actions, ConnectionId, ResourceId } from '@nixen/api'
import type { ProviderSession } from '../provider.ts'

/** How to take back something that is about to be made. Plain JSON; the provider that wrote it understands it, also after a restart. */
export interface UndoStep {
  /** Name of the step, for the provider: `vdi.destroy`. */
  readonly kind: string
  /** For people: "Remove the half-made disk data of web-01". */
  readonly what: string
  readonly data: Readonly<Record<string, unknown>>
}

/** A step that was written down. */
export interface UndoEntry {
  /** Writes more down, once more is known of what was made. */
  update(data: UndoStep['data']): Promise<void>
  /** Forgets the step: what was made stays, or is gone already. */
  forget(): Promise<void>
}

/** What an action is given to tell how it goes. */
export interface ActionTask {
  /** Aborted when somebody cancels. What is thrown then may be the signal's reason. */
  readonly signal: AbortSignal
  /** How far it is, from 0 to 1 (`undefined`: not known), and what it is doing now. */
  progress(part: number | undefined, doing?: string): void
  /** How much was moved, in bytes, of how much. */
  bytes(done: number, total?: number): void
  /** Writes a line into the log of the task. */
  log(line: string): void
  /**
   * Writes down how to undo what is about to be made, durably, before it is made. When the action fails, its steps are undone, the last
   * one first; when it ends well they are forgotten. `connection` is for what is made on another connection than that of the object.
   */
  undo(step: UndoStep, options?: { readonly connection?: ConnectionId }): Promise<UndoEntry>
  /** Undoes all that was written down so far: an attempt has failed with `error`, and another one follows. What cannot be undone now is tried later. */
  takeBack?(error: unknown): Promise<void>
  /** The session of another connection, for what goes from one to the other. @throws connection.not_connected */
  session(connection: ConnectionId): ProviderSession
}

/** What came of an action. */
export interface ActionResult {
  /** Objects that it made. */
  readonly made?: readonly ResourceId[]
}

/** Does one action of the contract. The state of the object, permissions and limits of the connection were checked before. */
export type ActionOf<A> = (request: ActionRequest<A>, task: ActionTask) => Promise<ActionResult | undefined | void>

/** All actions of the contract: one that is missing does not compile. What the other end cannot do throws `connection.unsupported`. */
export type ProviderActions = {
  readonly [G in keyof Actions]: { readonly [N in keyof Actions[G]]: ActionOf<Actions[G][N]> }
}
