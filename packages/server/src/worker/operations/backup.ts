import { MiB } from '@nixen/core'
import type { FallbackReason, ReadingMode } from '@nixen/providers'
import type { ChangedSince, DiskSourceSpec } from '../descriptors.ts'
import type { PointFacts, PointRecord } from '../point-record.ts'
import type { Operation, OperationKind } from './operation.ts'

/** Bytes of a block that is compared by way of trial. */
export const sampleSize: number = MiB

export interface BackupDiskInput {
  /** Names the file in the restore point, `disk-<name>.raw`. */
  readonly name: string
  readonly source: DiskSourceSpec
  readonly changed?: ChangedSince | undefined
  /** Blocks that are said to be unchanged and are compared with the parent all the same; none when left out. If one differs everything is read. */
  readonly samples?: number | undefined
}

export interface BackupInput {
  /** Name of the VM. */
  readonly name: string
  /** Stands for the VM in the repository; points of one VM have the same: `/<lineage>`. */
  readonly path: string
  readonly tags?: readonly string[] | undefined
  /** What is found again in lists; `size` and `disks` are filled in. */
  readonly facts?: PointFacts | undefined
  /** Becomes `/vm.json`. */
  readonly vm: object
  readonly disks: readonly BackupDiskInput[]
  /** Other files, small: NVRAM, vTPM. */
  readonly files?: readonly { readonly name: string; readonly content: Uint8Array }[] | undefined
  /** The moment of the VM's snapshot, epoch milliseconds; now when left out. */
  readonly time?: number | undefined
  /** Recorded in the point; the first change list's parent when left out. */
  readonly parent?: string | undefined
  /** How long to wait while another program has the repository for itself, milliseconds; 10 minutes when left out. */
  readonly lockWait?: number | undefined
  /** Threads; one per processor, at most 4, when left out. */
  readonly threads?: number | undefined
}

/** How one disk was backed up. */
export interface BackedUpDisk {
  readonly name: string
  /** Path in the restore point. */
  readonly file: string
  readonly size: number
  /** `changes`: only what changed was read; `full`: everything that is allocated was read, and only what is new was stored. */
  readonly mode: 'changes' | 'full'
  /** Why changes alone were not enough. */
  readonly reason?: string | undefined
  readonly readBytes: number
  /** How the provider read it, and which better ways it could not take. */
  readonly how?: ReadingMode | undefined
  readonly because?: readonly FallbackReason[] | undefined
  /** Blocks that were compared, and those that differed though they should not: the host's record of changes is wrong. */
  readonly sampled?: { readonly checked: number; readonly differing: number } | undefined
}

export interface BackupOutput {
  readonly point: PointRecord
  readonly disks: readonly BackedUpDisk[]
  readonly readBytes: number
  /** Plain bytes that the repository did not have. */
  readonly newBytes: number
  /** What they take there. */
  readonly storedBytes: number
}

export interface BackupOperations {
  readonly backup: Operation<BackupInput, BackupOutput>
}

export const backupKinds = {
  backup: 'heavy',
} as const satisfies Readonly<Record<keyof BackupOperations, OperationKind>>
