import type { IoOptions } from './disk-source.ts'

/**
 * Somewhere to write a disk. What is never written reads as zeros. Nothing looks complete before `finish` resolves: disposing of a sink that
 * was not finished removes what it made.
 */
export interface DiskSink extends AsyncDisposable {
  /** Virtual size in bytes. */
  readonly size: number
  /** Whether offsets must only grow (streams) or may come in any order and overlap in time. */
  readonly order: 'any' | 'ascending'
  /**
   * Where writes may begin, in bytes: at multiples of this, and they end there or at the end of the disk, each such part written once.
   * Any byte when left out. At most 2 MiB, and a power of two.
   */
  readonly granularity?: number | undefined
  /** The sink is done with `bytes` when the promise resolves. */
  write(offset: number, bytes: Uint8Array, options?: IoOptions): Promise<void>
  /** Makes a range read as zeros; as cheap as the format allows. */
  zero(offset: number, length: number, options?: IoOptions): Promise<void>
  /** Writes what is left, makes all durable, and only then gives it its name. */
  finish(options?: IoOptions): Promise<void>
}

/** A disk that can be read and written in place, as an NBD export with an overlay is. */
export interface WritableDisk {
  write(offset: number, bytes: Uint8Array, options?: IoOptions): Promise<void>
  zero(offset: number, length: number, options?: IoOptions): Promise<void>
  /** Makes everything written so far durable. */
  flush(options?: IoOptions): Promise<void>
}
