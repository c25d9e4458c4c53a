import { smError } from '../sm-errors.ts'
import { cbtBitmapLength, type CbtContent } from './cbt-log.ts'

/**
 * What changed on the way from one snapshot to a later disk: the union of the logs after `from` up to and including `to`, the highest bit
 * of a byte first, as long as `to` needs.
 *
 * @param logOf the log of a VDI, if it has one
 */
export async function changedBlocks(
  from: string,
  to: string,
  logOf: (uuid: string) => Promise<CbtContent | undefined>,
): Promise<Uint8Array> {
  if (from === to) throw smError('CBTChangedBlocksError', 'Source and target VDI are same')
  const unrelated = (): Error => smError('CBTChangedBlocksError', 'Source and target VDI are unrelated')
  const first = await logOf(from)
  if (!first || !(await logOf(to))) throw unrelated()
  let merged = new Uint8Array(0)
  let size = 0
  const seen = new Set([from])
  for (let next = first.child; next !== undefined && !seen.has(next);) {
    const log = await logOf(next)
    if (!log) throw unrelated()
    if (!log.consistent) throw smError('CBTMetadataInconsistent', `Log of ${next} is not consistent`)
    // Disks only grow; a log of a smaller disk later in the chain can't be right.
    if (log.size < size) throw smError('CBTMetadataInconsistent', 'Inconsistent bitmaps')
    size = log.size
    merged = union(merged, log.bits, cbtBitmapLength(size))
    if (next === to) return merged.map(reversed)
    seen.add(next)
    next = log.child
  }
  throw unrelated()
}

function union(a: Uint8Array, b: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(length)
  for (let i = 0; i < length; i++) both[i] = (a[i] ?? 0) | (b[i] ?? 0)
  return both
}

/** A byte with its bits in the other order. */
function reversed(byte: number): number {
  let result = 0
  for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) result |= 0x80 >> bit
  return result
}
