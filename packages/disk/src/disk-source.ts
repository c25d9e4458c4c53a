import type { Brand } from '@nixen/core'

/** What a source needs to say what changed since an earlier moment: a CBT snapshot, a dirty bitmap, a base VHD. */
export type ChangeToken = Brand<string, 'ChangeToken'>

/** A range of a disk, in bytes. `zero` reads as zeros and needs no reading. */
export interface Extent {
  readonly offset: number
  readonly length: number
  readonly kind: 'data' | 'zero'
}

export interface ExtentOptions {
  /** Only what changed since then; without it the extents cover the disk. */
  readonly since?: ChangeToken | undefined
  readonly signal?: AbortSignal | undefined
}

export interface IoOptions {
  readonly signal?: AbortSignal | undefined
}

/** A frozen disk that can be read. Every image format, NBD export and restore point is one. */
export interface DiskSource extends AsyncDisposable {
  /** Virtual size in bytes. */
  readonly size: number
  /** Ascending, without overlap; without `since` also without gaps and up to `size`. */
  extents(options?: ExtentOptions): AsyncIterable<Extent>
  /** Fills `into` from `offset`. Calls may overlap in time. Short reads are errors (`disk.truncated`). */
  read(offset: number, into: Uint8Array, options?: IoOptions): Promise<void>
}
