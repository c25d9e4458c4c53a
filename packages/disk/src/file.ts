import type { IoOptions } from './disk-source.ts'
import { diskErrors } from './errors.ts'

/** A file as the formats see it: positional reads and writes that may overlap in time. */
export interface DiskFile extends AsyncDisposable {
  /** What messages call it. */
  readonly path: string
  /** Bytes of the file now. */
  size(): Promise<number>
  /** Fills `into` from `offset`; `disk.truncated` when the file ends before. */
  read(offset: number, into: Uint8Array, options?: IoOptions): Promise<void>
  /** Writes all of the parts, one after the other; what lies between the end of the file and `offset` becomes a hole. */
  write(offset: number, ...parts: readonly Uint8Array[]): Promise<void>
  /** Cuts the file, or grows it with a hole. */
  truncate(size: number): Promise<void>
  /** Makes everything written so far durable. */
  sync(): Promise<void>
  /** Bytes that the file takes on its storage, if that can be known. */
  allocated(): Promise<number | undefined>
  /**
   * Where the file has data from `offset` on: the next range that may hold other bytes than zeros, at most `limit` bytes long; `undefined`
   * when there is none up to the end. A file whose storage can't tell says that all is data.
   */
  nextData(offset: number, limit: number): Promise<{ readonly offset: number; readonly length: number } | undefined>
}

/** Where the other files of an image are looked up: the parent of a VHD, the backing file of a qcow2, the extents of a VMDK. */
export interface ImageFolder {
  /**
   * Opens the file that `reference` names, as the image `from` wrote it. `disk.outside_directory` when it leads out of the folder,
   * `disk.parent_missing` when nothing is there.
   */
  open(reference: string, from: DiskFile): Promise<DiskFile>
  /** A name that is the same for two references to one file, to find loops. */
  identity(file: DiskFile): string
}

/** A file that is being made. It has its final name only after `commit`; disposing before that removes it. */
export interface NewFile extends DiskFile {
  /** Makes the content durable, gives the file its name, and makes the name durable. */
  commit(): Promise<void>
}

/** Throws `disk.truncated` unless `length` bytes at `offset` are within `size`. */
export function checkWithin(path: string, size: number, range: { offset: number; length: number }): void {
  const end = range.offset + range.length
  if (range.offset < 0 || end > size) throw diskErrors.truncated({ path, expected: end, received: size })
}
