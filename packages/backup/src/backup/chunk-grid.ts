import { MiB, TiB } from '@nixen/core'
import { backupErrors } from '../errors.ts'

/** restic makes holes of exactly this blob when it restores with `--sparse`: its smallest chunk, all zero. */
export const zeroBlobLength: number = 512 * 1024

/** SHA-256 of 512 KiB of zeros. */
export const zeroBlobId = '07854d2fef297a06ba81685e660c332de36d5d18d546927d30daad6d7fda1541'

/** A content list of a larger disk would not fit in one tree blob. */
export const maxDiskSize: number = 16 * TiB

/** How a disk is cut. Follows from its size alone, so that all restore points of a disk have the same grid. */
export interface ChunkGrid {
  readonly diskSize: number
  readonly chunkSize: number
  readonly count: number
}

/** Errors: `backup.disk_too_large`. */
export function chunkGrid(name: string, diskSize: number): ChunkGrid {
  if (diskSize > maxDiskSize) throw backupErrors.disk_too_large({ name, size: diskSize, limit: maxDiskSize })
  const chunkSize = diskSize > 4 * TiB ? 4 * MiB : MiB
  return { diskSize, chunkSize, count: Math.ceil(diskSize / chunkSize) }
}

/** Length of one chunk; only the last may be shorter. */
export function chunkLength({ diskSize, chunkSize }: ChunkGrid, chunk: number): number {
  return Math.min(chunkSize, diskSize - chunk * chunkSize)
}

/** What stands in a list of slots for a chunk of zeros; all other values are entries of the index. */
export const zeroSlot = 0xffff_ffff

/** Whether a chunk of this length can be written as repetitions of the zero blob. */
export function isZeroable(length: number): boolean {
  return length % zeroBlobLength === 0
}
