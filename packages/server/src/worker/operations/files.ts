import type { FileKind } from '@nixen/disk/files'
import type { Operation, OperationKind } from './operation.ts'

/** A part of the disks of a restore point. */
export interface VolumeFacts {
  /** `DISK/1`, `DISK`, `GROUP/NAME`. */
  readonly id: string
  readonly size: number
  /** `ext4`, `NTFS`, `swap`, … */
  readonly holds: string
  readonly label: string
  readonly uuid: string
  readonly readable: boolean
  readonly free?: number | undefined
  /** Why it cannot be read, or what to know of it. */
  readonly notes: readonly string[]
}

/** A file in a restore point. Times are epoch milliseconds. */
export interface FileFacts {
  readonly path: string
  readonly name: string
  readonly kind: FileKind
  readonly size: number
  readonly mode?: number | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  readonly modified?: number | undefined
  readonly created?: number | undefined
  /** What a link points to. */
  readonly target?: string | undefined
  readonly problem?: string | undefined
}

/** Where to look in a restore point. */
export interface InVolume {
  readonly snapshot: string
  /** The only one that can be read when left out. */
  readonly volume?: string | undefined
}

export interface ListFilesOutput {
  readonly volume: VolumeFacts
  /** Names that were left out, as there were more than asked for. */
  readonly more: boolean
}

/** `raw`: one file as it is; `auto`: that for one file, a zip for anything else. */
export type SentFormat = 'auto' | 'raw' | 'tar' | 'zip'

export interface SendFilesInput extends InVolume {
  readonly paths: readonly string[]
  readonly format: SentFormat
  /** `GET /` on this unix socket gives the bytes; only this user can open it. */
  readonly socketPath: string
}

/** Files inside of the disks of restore points. What disks say is read in a process of its own, which can do nothing else. */
export interface FileOperations {
  readonly volumes: Operation<{ readonly snapshot: string }, { readonly volumes: readonly VolumeFacts[] }>
  /** What is in a directory, or what a path is. */
  readonly listFiles: Operation<
    InVolume & { readonly path: string; readonly limit: number },
    ListFilesOutput,
    FileFacts
  >
  /** Everything under a path whose name matches. */
  readonly searchFiles: Operation<
    InVolume & { readonly path: string; readonly name: string; readonly limit: number },
    ListFilesOutput,
    FileFacts
  >
  /** Runs until it is cancelled. The one item says that it listens, and how long a single file is. */
  readonly sendFiles: Operation<SendFilesInput, object, { readonly name: string; readonly length?: number | undefined }>
}

export const fileKinds = {
  volumes: 'held',
  listFiles: 'held',
  searchFiles: 'held',
  sendFiles: 'held',
} as const satisfies Readonly<Record<keyof FileOperations, OperationKind>>
