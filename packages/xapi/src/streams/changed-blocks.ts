import { xapiErrors } from '../errors.ts'
import type { Xapi } from '../session/xapi.ts'
import type { Ref } from '../values/ref.ts'

/** Bytes that one bit of a changed-block bitmap stands for. */
export const changedBlockSize = 65_536

/** A range of a disk, in bytes. */
export interface ChangedExtent {
  readonly offset: number
  readonly length: number
}

/**
 * The ranges in which a disk has changed between two of its snapshots, ascending and apart. Both need changed-block tracking; `from` may be a snapshot
 * whose data is destroyed.
 *
 * @param size virtual size of `to` in bytes; it is asked for when left out
 * @throws XapiError `SR_BACKEND_FAILURE_460` and others when the snapshots are not of one disk; xapi.bad_answer for a bitmap that is too short
 */
export async function changedBlocks(
  xapi: Xapi,
  { from, to, size, signal }: { from: Ref<'VDI'>; to: Ref<'VDI'>; size?: number; signal?: AbortSignal },
): Promise<Iterable<ChangedExtent>> {
  const client = xapi.client.with({ signal })
  const bitmap = Buffer.from(await client.VDI.list_changed_blocks(from, to), 'base64')
  return changedExtents(bitmap, size ?? (await client.VDI.get_virtual_size(to)))
}

/**
 * Reads a bitmap of `VDI.list_changed_blocks`: one bit for each 64 KiB, the highest bit of a byte first (bit 7 of byte 0 is the first block).
 * Neighbouring blocks become one extent, the last one ends with the disk. Bits beyond the disk are padding.
 *
 * @throws xapi.bad_answer when there are fewer bits than blocks
 */
export function changedExtents(bitmap: Uint8Array, size: number): Iterable<ChangedExtent> {
  const blocks = Math.ceil(size / changedBlockSize)
  if (bitmap.length * 8 < blocks) {
    const got = `${bitmap.length * 8}`
    throw xapiErrors.bad_answer({
      expected: `a bitmap of at least ${blocks} bits`,
      got,
      at: 'VDI.list_changed_blocks()',
    })
  }
  return extents(bitmap, { blocks, size })
}

function* extents(
  bitmap: Uint8Array,
  { blocks, size }: { blocks: number; size: number },
): Generator<ChangedExtent, void> {
  let start = -1
  for (let block = 0; block < blocks; block++) {
    const byte = bitmap[block >>> 3] ?? 0
    // Eight blocks at once where they are alike: most of a bitmap is.
    const alike = (block & 7) === 0 && block + 8 <= blocks && (byte === 0 || byte === 0xff)
    const changed = (byte & (0x80 >>> (block & 7))) !== 0
    if (changed && start < 0) start = block
    if (!changed && start >= 0) {
      yield extentOf(start, block, size)
      start = -1
    }
    if (alike) block += 7
  }
  if (start >= 0) yield extentOf(start, blocks, size)
}

function extentOf(start: number, end: number, size: number): ChangedExtent {
  const offset = start * changedBlockSize
  return { offset, length: Math.min(end * changedBlockSize, size) - offset }
}
