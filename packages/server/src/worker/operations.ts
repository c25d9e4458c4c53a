import type { CheckResult, ForgetPolicy, GroupField, KeyInfo, LockInfo, ReadData, RepositoryStats } from '@nixen/backup'
import type { ChangedSince, DiskSinkSpec, DiskSourceSpec } from './descriptors.ts'
import type { PointFacts, PointRecord } from './point-record.ts'
import type { ConnectionSpec, FallbackReason, ReadingMode, RestoredVm, RestorePlan } from '@nixen/providers'

/** How far an operation is. */
export interface WorkerProgress {
  /** What it is doing: `read`, `check headers`, … */
  readonly phase: string
  /** The disk or file that it is working on. */
  readonly detail?: string | undefined
  readonly done: number
  readonly total: number
  readonly unit: 'bytes' | 'items'
  /** Bytes of sources, and bytes put into the repository or the target, since the start. */
  readonly bytesRead: number
  readonly bytesWritten: number
  /** Bytes read a second, over the last few seconds. */
  readonly bytesPerSecond: number
}

/** What a repository is. */
export interface RepositoryFacts {
  /** The repository's own id: 64 hexadecimal digits. */
  readonly id: string
  readonly version: 1 | 2
  /** The path or bucket, for people. */
  readonly location: string
  /** The key that opened it. */
  readonly key: string
}

/** What a storage did when it was tried. */
export interface StorageProbe {
  /** For people, without credentials. */
  readonly location: string
  /** Whether a repository is there. */
  readonly repository: boolean
  /** Whether the password opens it; absent without one, or without a repository. */
  readonly opens?:
    | { readonly ok: true; readonly facts: RepositoryFacts }
    | { readonly ok: false; readonly keys: number }
  readonly write: 'allowed' | 'refused'
  /** Whether a file can be written over; anything but `refused` needs care with several writers. */
  readonly overwrite?: 'refused' | 'allowed' | undefined
  /** `refused`: the store only takes new files (append-only, or object lock). Locks of restic and prune do not work there. */
  readonly remove?: 'allowed' | 'refused' | undefined
  /** Why something was refused. */
  readonly reason?: string | undefined
}

/** Speed of a storage. Rates in bytes per second, times in milliseconds. */
export interface Benchmark {
  readonly writeRate: number
  readonly readRate: number
  /** Middle of the times of small files. */
  readonly smallWrite: number
  readonly smallRead: number
  readonly list: number
  /** Bytes of one large file, and how many went at once. */
  readonly fileSize: number
  readonly connections: number
}

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

/** Which restore points go: by rules, or by name. */
export type ForgetWhat =
  | {
      readonly by: 'policy'
      readonly policy: ForgetPolicy
      readonly groupBy?: readonly GroupField[] | undefined
      readonly timeZone?: string | undefined
      /** Only points of these paths, or with all of these tags (as restic has them: `nixen:job=…`). */
      readonly paths?: readonly string[] | undefined
      readonly tags?: readonly string[] | undefined
    }
  | { readonly by: 'name'; readonly snapshots: readonly string[] }

export interface ForgetLine {
  readonly point: PointRecord
  readonly because: readonly string[]
}

export interface ForgetOutput {
  readonly keep: readonly ForgetLine[]
  readonly forget: readonly ForgetLine[]
  /** How many were removed; 0 for a preview. */
  readonly forgotten: number
}

/** A prune in numbers. Sizes in bytes. */
export interface PruneOutput {
  readonly removedPacks: number
  readonly repackedPacks: number
  readonly keptPacks: number
  readonly freedBytes: number
  readonly unusedBytes: number
  readonly executed: boolean
}

/** What is listed of a restore point's content. */
export interface PointContent {
  readonly point: PointRecord
  readonly files: readonly { readonly path: string; readonly size: number }[]
  /** `/vm.json`; absent when it is not there (a point that restic made of something else). */
  readonly vm?: unknown
}

export interface PointsOutput {
  readonly facts: RepositoryFacts
  /** Ids of all restore points that are there. */
  readonly present: readonly string[]
  /** Those that cannot be read. */
  readonly damaged: readonly string[]
}

interface Operation<Input, Output, Item = never> {
  readonly input: Input
  readonly output: Output
  readonly item: Item
}

/** Everything that a worker does. `item` is what comes piece by piece before the output. */
export interface Operations {
  readonly create: Operation<object, RepositoryFacts>
  readonly inspect: Operation<object, RepositoryFacts>
  readonly probe: Operation<{ readonly password?: string | undefined }, StorageProbe>
  readonly benchmark: Operation<
    { readonly fileSize?: number | undefined; readonly files?: number | undefined },
    Benchmark
  >
  readonly stats: Operation<object, RepositoryStats>
  /** Restore points that are not among `known`, in pieces. */
  readonly points: Operation<{ readonly known?: readonly string[] | undefined }, PointsOutput, PointRecord>
  readonly content: Operation<{ readonly snapshot: string }, PointContent>
  readonly backup: Operation<BackupInput, BackupOutput>
  readonly restore: Operation<RestoreInput, RestoreOutput>
  /** Steps are written into the journal of the caller before they are made. */
  readonly restoreVm: Operation<RestoreVmInput, RestoredVm>
  /** Runs until it is cancelled, and then answers. The one item says that it listens. */
  readonly serve: Operation<ServeInput, object, { readonly size: number; readonly length?: number | undefined }>
  readonly compare: Operation<CompareInput, CompareOutput>
  readonly check: Operation<
    {
      readonly read?: ReadData | undefined
      readonly headers?: boolean | undefined
      readonly threads?: number | undefined
    },
    CheckResult
  >
  readonly forget: Operation<
    { readonly what: ForgetWhat; readonly execute: boolean; readonly lockWait?: number | undefined },
    ForgetOutput
  >
  readonly prune: Operation<
    {
      readonly execute: boolean
      readonly maxUnused?: number | undefined
      readonly maxRepack?: number | undefined
      readonly lockWait?: number | undefined
    },
    PruneOutput
  >
  readonly locks: Operation<object, { readonly locks: readonly LockInfo[] }>
  readonly unlock: Operation<{ readonly all?: boolean | undefined }, { readonly removed: readonly LockInfo[] }>
  readonly keys: Operation<object, { readonly keys: readonly KeyInfo[]; readonly current: string }>
  readonly addKey: Operation<{ readonly password: string }, { readonly key: string }>
  readonly removeKey: Operation<{ readonly key: string }, object>
  readonly changePassword: Operation<{ readonly password: string }, { readonly key: string }>
}

export type OperationName = keyof Operations
export type InputOf<N extends OperationName> = Operations[N]['input']
export type OutputOf<N extends OperationName> = Operations[N]['output']
export type ItemOf<N extends OperationName> = Operations[N]['item']

export type OperationKind = 'light' | 'heavy' | 'held' | 'exclusive'

/** How operations of one repository stand to each other and to the limits. */
export const operationKinds = {
  create: 'light',
  inspect: 'light',
  probe: 'light',
  benchmark: 'heavy',
  stats: 'heavy',
  points: 'light',
  content: 'light',
  backup: 'heavy',
  restore: 'heavy',
  restoreVm: 'heavy',
  serve: 'held',
  compare: 'heavy',
  check: 'heavy',
  forget: 'light',
  prune: 'exclusive',
  locks: 'light',
  unlock: 'light',
  keys: 'light',
  addKey: 'light',
  removeKey: 'light',
  changePassword: 'light',
} as const satisfies Readonly<Record<OperationName, OperationKind>>
