import type { DiskSource, Extent } from '@nixen/disk'
import type { RepositoryLock } from '../lock/lock.ts'
import type { Snapshot } from '../snapshot/snapshot.ts'

/** What may have changed on a disk since an earlier restore point. */
export interface ChangeList {
  /** Id of the restore point. */
  readonly parent: string
  /** The disk's file there; the same as now when left out. */
  readonly file?: string | undefined
  /** Ranges that may differ. Everything else is taken from the parent without being read. */
  readonly extents: AsyncIterable<Extent> | Iterable<Extent>
}

export interface BackupDisk {
  /** Names the file in the restore point, `disk-<name>.raw`. */
  readonly name: string
  /** The whole name of the file, where `disk-<name>.raw` does not fit. */
  readonly file?: string | undefined
  readonly source: DiskSource
  /** A local raw image with exactly the bytes of `source`: worker threads then read it themselves, with direct I/O. */
  readonly rawFile?: string | undefined
  readonly changed?: ChangeList | undefined
}

/** A file beside the disks: NVRAM, vTPM, memory. */
export interface ExtraFile {
  readonly name: string
  readonly content: Uint8Array | AsyncIterable<Uint8Array>
}

export interface BackupProgress {
  /** File of the disk that is worked on. */
  readonly file: string
  /** Bytes that will be read, of all disks. */
  readonly totalBytes: number
  readonly doneBytes: number
  /** Bytes written to the repository. */
  readonly storedBytes: number
}

/** Moments between the steps that make a backup last; for tests that stop a process there. */
export type CommitPoint = 'packs' | 'trees' | 'index' | 'snapshot' | 'cache'

export interface BackupRequest {
  /** Name of the VM; `hostname` of the snapshot. */
  readonly host: string
  /** Stands for the VM in `paths` of the snapshot, such as `/pool/uuid`; `/<host>` when left out. */
  readonly path?: string | undefined
  readonly disks: readonly BackupDisk[]
  /** Becomes `/vm.json`. */
  readonly vm: object
  readonly files?: readonly ExtraFile[] | undefined
  readonly tags?: readonly string[] | undefined
  /** Epoch milliseconds; now when left out. */
  readonly time?: number | undefined
  /** Recorded in the snapshot; the first change list's parent when left out. */
  readonly parent?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly progress?: ((progress: BackupProgress) => void) | undefined
  /** Worker threads; one per processor, at most 8, when left out. */
  readonly workers?: number | undefined
  /** Packs are closed at this size, in bytes; 16 MiB when left out. */
  readonly packSize?: number | undefined
  /** A lock that is held already; otherwise a shared one is taken for the time of the backup. */
  readonly lock?: RepositoryLock | undefined
  /** Writes what only repeats the repository; called when everything else is durable. */
  readonly saveCache?: (() => Promise<void>) | undefined
  /** Called after each step. Only tests have a reason to use it. */
  readonly onCommit?: ((point: CommitPoint) => Promise<void> | void) | undefined
}

/** How a disk was backed up. */
export interface DiskResult {
  readonly file: string
  readonly size: number
  /** `changes`: only the chunks of the change list were read; `full`: everything that is allocated. */
  readonly mode: 'changes' | 'full'
  /** Why a change list could not be used. */
  readonly reason?: string | undefined
  readonly readBytes: number
}

export interface BackupResult {
  readonly snapshot: Snapshot
  readonly disks: readonly DiskResult[]
  readonly readBytes: number
  /** Plain bytes of blobs that were new. */
  readonly newBytes: number
  /** Bytes of packs written for disks. */
  readonly storedBytes: number
}
