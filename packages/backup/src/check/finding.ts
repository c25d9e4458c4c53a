import type { FileId } from '../storage/storage.ts'

/** What is wrong. */
export type Problem =
  /** A config, key, lock, snapshot or index file whose bytes are not what they were. */
  | 'file_damaged'
  /** An index names a pack that is not there. */
  | 'pack_missing'
  /** A pack is shorter or longer than its index says. */
  | 'pack_size'
  /** The bytes of a pack don't have the hash that it is named by, or its header can't be read. */
  | 'pack_damaged'
  /** The header of a pack and the index disagree. */
  | 'index_differs'
  /** A blob can't be opened, or is not what its id says. */
  | 'blob_damaged'
  /** A restore point needs a blob that no index names. */
  | 'blob_missing'
  /** A tree that can be read makes no sense. */
  | 'tree_invalid'
  /** A pack that no index names: what a writer that was stopped leaves behind. Takes room, harms nothing. */
  | 'not_indexed'
  /** A file could not be read at all. */
  | 'unreadable'

/** Bytes of a disk (or another file of a restore point). */
export interface DiskRange {
  readonly offset: number
  readonly length: number
}

/** A file of a restore point that can't be restored whole. */
export interface Affected {
  /** Id of the restore point. */
  readonly snapshot: string
  /** Epoch milliseconds. */
  readonly time: number
  readonly hostname: string
  /** In the restore point; a directory when a tree is lost. */
  readonly path: string
  /** What is lost, ascending; empty for a directory. */
  readonly ranges: readonly DiskRange[]
}

export interface Finding {
  /** `error`: something is damaged or lost. `note`: nothing to worry about. */
  readonly severity: 'error' | 'note'
  readonly problem: Problem
  /** The file of the repository; absent when no file is to blame (a missing blob). */
  readonly file?: FileId
  /** One sentence. */
  readonly message: string
  /** Blobs concerned, as `data:<id>` or `tree:<id>`. */
  readonly blobs: readonly string[]
  /** Restore points that lost something by it. Empty when nothing needs the blobs, or another copy is whole. */
  readonly affects: readonly Affected[]
}

/** Path of a file inside its repository, for messages. */
export function fileName({ kind, name }: FileId): string {
  return kind === 'config' ? 'config' : `${kind} ${name}`
}
