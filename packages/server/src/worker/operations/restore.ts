import type { ConnectionSpec, RestoredVm, RestorePlan } from '@nixen/providers'
import type { DiskSinkSpec, DiskSourceSpec } from '../descriptors.ts'
import type { Operation, OperationKind } from './operation.ts'

export interface RestoreInput {
  readonly snapshot: string
  /** Path of the disk in it. */
  readonly path: string
  readonly sink: DiskSinkSpec
  /** `fresh`: the target reads as zeros; `differences`: it holds an old disk (NBD only), and only what differs is written. */
  readonly mode?: 'fresh' | 'differences' | undefined
  /** `zero-and-report`: lost ranges read as zeros, and are told. */
  readonly onDamage?: 'stop' | 'zero-and-report' | undefined
  readonly threads?: number | undefined
}

export interface RestoreOutput {
  readonly size: number
  readonly writtenBytes: number
  readonly unchangedBytes: number
  readonly lost: readonly { readonly offset: number; readonly length: number }[]
}

/** A whole VM, made by its provider. */
export interface RestoreVmInput {
  readonly connection: ConnectionSpec
  readonly plan: RestorePlan
  /** Who asks, for marks on objects. */
  readonly owner: string
  readonly snapshot: string
  /** Path of each disk in the restore point, by its key; `/disk-<key>.raw` when left out. */
  readonly files?: Readonly<Record<string, string>> | undefined
}

export interface ServeInput {
  readonly snapshot: string
  readonly path: string
  /** `nbd`: the disk as an export; `http`: `GET /` gives it as an image. Both on a unix socket that only this user can open. */
  readonly as: 'nbd' | 'http'
  /** `raw`, `vhd`, `qcow2`: for `http`. */
  readonly format?: string | undefined
  readonly socketPath: string
}

export interface CompareInput {
  readonly source: DiskSourceSpec
  readonly snapshot: string
  readonly path: string
  /** Part of the disk that is compared, at random; all when left out. */
  readonly share?: number | undefined
  /** Ranges that are passed over: what is known to have changed. */
  readonly except?: readonly { readonly offset: number; readonly length: number }[] | undefined
}

export interface CompareOutput {
  readonly comparedBytes: number
  /** Ranges that differ, neighbours joined, at most 100. */
  readonly differences: readonly { readonly offset: number; readonly length: number }[]
}

/** What gives disks of restore points back, or compares with them. */
export interface RestoreOperations {
  readonly restore: Operation<RestoreInput, RestoreOutput>
  /** Steps are written into the journal of the caller before they are made. */
  readonly restoreVm: Operation<RestoreVmInput, RestoredVm>
  /** Runs until it is cancelled, and then answers. The one item says that it listens. */
  readonly serve: Operation<ServeInput, object, { readonly size: number; readonly length?: number | undefined }>
  readonly compare: Operation<CompareInput, CompareOutput>
}

export const restoreKinds = {
  restore: 'heavy',
  restoreVm: 'heavy',
  serve: 'held',
  compare: 'heavy',
} as const satisfies Readonly<Record<keyof RestoreOperations, OperationKind>>
