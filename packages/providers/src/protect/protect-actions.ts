import type { VmId } from '@nixen/api'
import type { ByteStream } from '@nixen/core'
import type { ChangeToken } from '@nixen/disk'
import type { FreezeOptions, FrozenVm, Kept, KeepOptions, Stray } from './freeze.ts'
import type { OpenDiskOptions, OpenedDisk } from './open-disk.ts'
import type { RestoredVm, RestoreOptions, RestorePlan, RestoreRequest } from './restore.ts'
import type { ProtectStep } from './undo.ts'

interface Stoppable {
  readonly signal?: AbortSignal | undefined
}

export interface StrayOptions extends Stoppable {
  /** Keys of disks: only what is frozen of these is looked for, which costs a few calls. */
  readonly disks?: readonly string[] | undefined
}

/**
 * What backup and restore need of a provider. None of it needs the inventory: a session that was just opened, also in a worker process, can
 * do all of it, and what one session froze another one can read.
 *
 * The order of a backup: `freeze`, `openDisk` for each disk, store the restore point with the tokens, `keep`; after a failure `release`.
 */
export interface ProtectActions {
  /**
   * Freezes a VM. On failure nothing is left behind, or what is left is in the journal.
   *
   * @throws vm.not_found, vm.bad_power_state, protect.*, connection.*, the signal's reason
   */
  freeze(vm: VmId, options: FreezeOptions): Promise<FrozenVm>
  /**
   * Opens a frozen disk, in the best way that is possible now.
   *
   * @param disk its key
   * @throws protect.frozen_gone, protect.unreadable, connection.*
   */
  openDisk(frozen: FrozenVm, disk: string, options?: OpenDiskOptions): Promise<OpenedDisk>
  /** Ends a backup that succeeded: keeps what the next one builds on, removes the rest. May be repeated, also after a crash. */
  keep(frozen: FrozenVm, options: KeepOptions): Promise<Kept>
  /** Ends a backup that failed: removes all that `freeze` made. May be repeated. */
  release(frozen: FrozenVm, options?: Stoppable): Promise<void>
  /** Takes back what was begun, also by an earlier session. What was kept meanwhile stays; what is gone is no error. */
  undo(step: ProtectStep, options?: Stoppable): Promise<void>
  /** Removes what the host keeps for a token. What is gone, or is not ours, is left alone. */
  drop(token: ChangeToken, options?: Stoppable): Promise<void>
  /** Everything on the host that bears our marks, for a janitor: it knows which of it is still needed. */
  strays(options?: StrayOptions): Promise<readonly Stray[]>
  /** Removes one of them. What is in use or bears no mark of ours is `protect.not_ours`. */
  removeStray(stray: Stray, options?: Stoppable): Promise<void>
  /** Works out what a restore would do; changes nothing. */
  planRestore(request: RestoreRequest, options?: Stoppable): Promise<RestorePlan>
  /**
   * Carries a plan out. The VM can't be started, and its name says what it is, until all is there; what fails is taken back.
   *
   * @throws protect.plan_impossible, protect.storage_full, vm.bad_power_state, connection.*, what `onDisk` throws
   */
  restore(plan: RestorePlan, options: RestoreOptions): Promise<RestoredVm>
  /** The pool's own database, for disaster recovery. Holds secrets. @throws connection.unsupported */
  poolMetadata(options?: Stoppable): ByteStream
}
