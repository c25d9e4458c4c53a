import type { ChangeToken } from '@nixen/disk'
import type { ConnectionSpec, FallbackReason, FrozenVm, ReadingMode, RestoredVm, RestorePlan } from '@nixen/providers'
import type { Operation, OperationKind } from './operation.ts'

export interface ReplicateInput {
  readonly source: ConnectionSpec
  readonly target: ConnectionSpec
  readonly frozen: FrozenVm
  /** Of the target: a new VM, or into an existing one. */
  readonly plan: RestorePlan
  /** Who asks, for marks on objects. */
  readonly owner: string
  /**
   * By key of the disk: the disk of the target that holds what the source was at `since` (the provider's uuid). Only what changed since is
   * read and written then; without, all of both is compared.
   */
  readonly base: Readonly<Record<string, { readonly since: ChangeToken; readonly copy: string }>>
}

/** How a disk was copied. */
export interface ReplicatedDisk {
  readonly key: string
  readonly how: ReadingMode
  /** Better ways that could not be taken. */
  readonly because: readonly FallbackReason[]
  /** Only what the host says has changed was read. */
  readonly changesOnly: boolean
  readonly readBytes: number
}

export interface ReplicateOutput {
  readonly restored: RestoredVm
  readonly disks: readonly ReplicatedDisk[]
}

/** Copies of VMs from host to host. No repository is opened. */
export interface ReplicateOperations {
  /** Steps are written into the journal of the caller before they are made. */
  readonly replicate: Operation<ReplicateInput, ReplicateOutput>
}

export const replicateKinds = {
  replicate: 'heavy',
} as const satisfies Readonly<Record<keyof ReplicateOperations, OperationKind>>
