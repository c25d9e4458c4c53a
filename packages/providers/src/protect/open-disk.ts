import type { ChangeToken, DiskSource, Extent } from '@nixen/disk'
import type { FallbackReason } from './reasons.ts'

/**
 * The way in which a disk is read.
 *
 * - `nbd-cbt`: over NBD, and the host's own log says what changed.
 * - `nbd-full`: over NBD, everything that is allocated.
 * - `delta-export`: the host compares with the kept snapshot; what differs comes as a stream (or over NBD, where there is one).
 * - `full-export`: everything comes as a stream.
 */
export type ReadingMode = 'nbd-cbt' | 'nbd-full' | 'delta-export' | 'full-export'

export interface OpenDiskOptions {
  /** Token of the disk in the restore point that the new one builds on; without it everything is read. */
  readonly since?: ChangeToken | undefined
  /**
   * Opens the disk as it was at `since`, from the restore point. Only needed for a difference that comes as a stream of sectors: the rest of a
   * block is then read from here. Without it such a disk is read as a whole.
   */
  readonly base?: (() => Promise<DiskSource>) | undefined
  /** NBD connections; 2 when left out. */
  readonly connections?: number | undefined
  /** Leaves out ways, for tests and for hosts that are known not to do well with one. */
  readonly without?: readonly ('nbd' | 'changes' | 'delta')[] | undefined
  /** Allows NBD without TLS where the pool's networks say so: the session's key then crosses the network in the clear. */
  readonly insecureNbd?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** A disk that is being read. Disposing ends it. */
export interface OpenedDisk extends AsyncDisposable {
  /**
   * The frozen disk. `sequential` sources are read fastest from front to back, as the backup engine does; a step back costs a new stream.
   */
  readonly source: DiskSource
  readonly how: ReadingMode
  /** Every better way that could not be taken, and why. Empty for `nbd-cbt`, and for a first backup but for `first`. */
  readonly because: readonly FallbackReason[]
  /** What may differ from `since`, ascending; all else is the same. Left out when everything is to be read. */
  readonly changed?: readonly Extent[] | undefined
  readonly sequential: boolean
}
