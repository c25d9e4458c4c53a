import type { ConnectionId, JobId, SnapshotId, VmId } from '@nixen/api'
import type { ChangeToken } from '@nixen/disk'
import type { ProtectJournal } from '../protect/undo.ts'
import type { VmConfig } from '../protect/vm-config.ts'

interface Stoppable {
  readonly signal?: AbortSignal | undefined
}

/** What a replica knows of where it comes from. Kept with the VM on its host: any Nixen that sees the host can go on with it. */
export interface ReplicaMark {
  readonly job: JobId
  readonly source: {
    readonly connection: ConnectionId
    /** The provider's uuid of the VM. */
    readonly vm: string
    readonly lineage: string
    readonly name: string
  }
  /** When the source was as the replica is: epoch milliseconds. */
  readonly time: number
  /**
   * By key of the source's disk: the token of that moment, and the replica's disk that holds it (the provider's uuid; empty when none does any more).
   */
  readonly disks: Readonly<Record<string, { readonly token?: ChangeToken | undefined; readonly copy: string }>>
}

/** A restore point of a replica: a snapshot of it. */
export interface ReplicaPoint {
  readonly id: SnapshotId
  /** Epoch milliseconds: when the source was so. */
  readonly time: number
}

/** A VM that is kept as a copy of another. */
export interface Replica {
  readonly vm: VmId
  readonly name: string
  readonly power: string
  readonly mark: ReplicaMark
  /** The newest first. */
  readonly points: readonly ReplicaPoint[]
  /** Why it may hold something that the source has not: a sentence. Replicating over it would lose that. */
  readonly diverged?: string | undefined
}

/** A place for a new replica. Plain JSON. */
export interface ReplicaPlace {
  /** Name that the VM has to get until it is settled. */
  readonly name: string
  readonly mark: string
  readonly final: string
}

export interface SettleOptions extends Stoppable {
  /** How the source was set up: processors and memory follow it. */
  readonly config: VmConfig
  readonly mark: ReplicaMark
  /** So many restore points stay. */
  readonly keep: number
  readonly journal: ProtectJournal
}

/**
 * What replication needs of the provider that has the replicas; the disks are written by `ProtectActions.restore`: into a new VM the first time, into the
 * replica after that. A replica cannot be started but by {@link start}, so that it stays what it is.
 */
export interface ReplicaActions {
  /** All replicas that Nixen keeps on the connection. */
  list(options?: Stoppable): Promise<readonly Replica[]>
  /** Names a new replica. The step that removes it, half-made, is in the journal before. */
  makePlace(options: Stoppable & { readonly name: string; readonly journal: ProtectJournal }): Promise<ReplicaPlace>
  /**
   * Its disks are written: takes a restore point, notes what it is a copy of, and removes restore points that are too many. `place`: of a new one.
   */
  settle(
    vm: VmId,
    options: SettleOptions & { readonly place?: ReplicaPlace | undefined },
  ): Promise<readonly ReplicaPoint[]>
  /** Starts it, as it is at a restore point or as it is now. From then on it has diverged. @throws vm.*, connection.* */
  start(vm: VmId, options: Stoppable & { readonly point?: SnapshotId | undefined }): Promise<void>
  /** It may be replicated over again: what was written to it since is given up with the next run. @throws vm.bad_power_state */
  resume(vm: VmId, options?: Stoppable): Promise<void>
  /** Makes it a VM like any other. */
  promote(vm: VmId, options?: Stoppable): Promise<void>
}
