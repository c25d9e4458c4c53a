import { backupErrors } from '../errors.ts'
import { chunkGrid, chunkLength, zeroBlobId, zeroBlobLength } from '../backup/chunk-grid.ts'
import type { BlobIndex } from '../index/blob-index.ts'
import type { TreeNode } from '../tree/node.ts'

/** What a run of a `DiskMap` is, other than an entry of the index. */
export const zeroRun = -1
/** No index names the blob. */
export const missingRun = -2

/** Which blob holds which bytes of a file: runs in order, 12 bytes of memory each. */
export interface DiskMap {
  readonly path: string
  readonly size: number
  readonly count: number
  /** First byte of each run, and the size at the end. */
  readonly starts: Float64Array
  /** Entry in the index, `zeroRun` or `missingRun`. */
  readonly entries: Int32Array
}

/**
 * The map of a file of a restore point. The length of a blob that no index names is not known: it is taken to be a chunk of the grid of Nixen's own
 * disks, and must then fit.
 *
 * Errors: `backup.tree_invalid` when lengths do not add up to the file's size.
 */
export function diskMap(index: BlobIndex, node: TreeNode, path: string): DiskMap {
  const content = node.content?.runs() ?? []
  const runs = { starts: new Float64Array(16), entries: new Int32Array(16), count: 0 }
  const grid = chunkGrid(path, Math.min(node.size, 2 ** 43))
  const zero = Buffer.from(zeroBlobId, 'hex')
  let offset = 0
  for (const { id, count } of content) {
    if (zero.equals(id)) {
      push(runs, offset, zeroRun)
      offset += count * zeroBlobLength
      continue
    }
    const entry = index.find('data', id)
    const found = entry >= 0 && index.isPlaced(entry)
    for (let i = 0; i < count; i++) {
      push(runs, offset, found ? entry : missingRun)
      offset += found ? index.plainLength(entry) : chunkLength(grid, Math.floor(offset / grid.chunkSize))
    }
  }
  if (offset !== node.size) {
    throw backupErrors.tree_invalid({ tree: path, reason: `its blobs have ${offset} bytes, the file has ${node.size}` })
  }
  push(runs, offset, zeroRun)
  return { path, size: node.size, count: runs.count - 1, starts: runs.starts, entries: runs.entries }
}

/** Number of the run that holds `offset`, which is below the size. */
export function runAt({ starts, count }: DiskMap, offset: number): number {
  let low = 0
  let high = count - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if ((starts[middle] ?? Infinity) <= offset) low = middle
    else high = middle - 1
  }
  return low
}

/** Offset and length of a run. */
export function runRange({ starts }: DiskMap, run: number): { offset: number; length: number } {
  const offset = starts[run] ?? 0
  return { offset, length: (starts[run + 1] ?? offset) - offset }
}

interface Runs {
  starts: Float64Array
  entries: Int32Array
  count: number
}

function push(runs: Runs, start: number, entry: number): void {
  if (runs.count === runs.entries.length) {
    const capacity = Math.ceil(runs.count * 1.5)
    const [starts, entries] = [new Float64Array(capacity), new Int32Array(capacity)]
    starts.set(runs.starts)
    entries.set(runs.entries)
    runs.starts = starts
    runs.entries = entries
  }
  runs.starts[runs.count] = start
  runs.entries[runs.count++] = entry
}
