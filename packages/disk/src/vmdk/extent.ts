import type { IoOptions } from '../disk-source.ts'

/** A part of a VMDK disk. Offsets are within the part, in bytes. */
export interface VmdkExtent extends AsyncDisposable {
  readonly size: number
  /** Where there may be data: ascending, neighbours joined or not. */
  data(options?: IoOptions): AsyncIterable<{ offset: number; length: number }>
  read(offset: number, into: Uint8Array, options?: IoOptions): Promise<void>
}
