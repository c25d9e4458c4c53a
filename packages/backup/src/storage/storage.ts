/**
 * The kinds of files of a repository (restic's design document, "Repository Layout"), and two of Nixen's own that restic passes over: `note` is what
 * is known of a restore point beside itself, `evidence` what a note refers to (a picture).
 */
export type FileKind = 'config' | 'key' | 'lock' | 'snapshot' | 'index' | 'data' | 'note' | 'evidence'

/** One file. `config` has the empty name; all others are named by 64 hexadecimal digits. */
export interface FileId {
  readonly kind: FileKind
  readonly name: string
}

/** What a store can do. Asked for at open, never guessed from its kind. */
export interface StorageProperties {
  /** For messages: the path or the bucket, without credentials. */
  readonly location: string
  /** How many calls at once make sense. */
  readonly connections: number
  /** Whether `save` of a name that exists is refused by the store itself, also against a race. */
  readonly exclusiveCreate: boolean
}

export interface StorageOptions {
  readonly signal?: AbortSignal | undefined
}

export interface LoadOptions extends StorageOptions {
  /** In bytes; 0 when left out. */
  readonly offset?: number
  /** In bytes; to the end when left out. */
  readonly length?: number
  /**
   * What a cache in between does: `keep` also keeps this range of a pack (trees, headers), `bypass` asks the store itself (checks do).
   * Left out, whole index and snapshot files are kept and nothing else. Storages without a cache ignore it.
   */
  readonly cache?: 'keep' | 'bypass'
  /**
   * Memory that a storage may read into instead of taking new, used again and again by restore and check; the result is then a part of it. Page-aligned
   * memory lets a local storage read past the page cache: it needs a page more than is asked for at each end. Storages may ignore it.
   */
  readonly into?: Uint8Array | undefined
}

/**
 * Where the files of one repository live. Files are write-once: `save` never changes a file that exists, and a file is either absent or
 * complete. Any call may be repeated. Errors: `storage.not_found`, `storage.exists`, `storage.full`, `storage.denied`, `storage.unavailable`
 * (retryable), `storage.failed` (not worth another try: a failed fsync, an I/O error of the disk), `storage.truncated`.
 */
export interface Storage extends AsyncDisposable {
  readonly properties: StorageProperties
  /** Durable (also against a power cut) when it resolves. The parts make one file; they are not kept. */
  save(file: FileId, parts: readonly Uint8Array[], options?: StorageOptions): Promise<void>
  /** The whole file, or exactly `length` bytes from `offset`. Short files are `storage.truncated`. */
  load(file: FileId, options?: LoadOptions): Promise<Uint8Array>
  /** `undefined` when there is no such file. */
  stat(file: FileId, options?: StorageOptions): Promise<{ size: number } | undefined>
  /** All complete files of a kind, in no order. */
  list(kind: FileKind, options?: StorageOptions): AsyncIterable<{ name: string; size: number }>
  /** Removing what is not there is not an error. Durable when it resolves, for all kinds but `data`. */
  remove(file: FileId, options?: StorageOptions): Promise<void>
  /** Removes what writers that died left unfinished, once it is older than `olderThan` milliseconds; absent where nothing is ever left. */
  removeLeftovers?(options: StorageOptions & { olderThan: number }): Promise<{ removed: number }>
}
