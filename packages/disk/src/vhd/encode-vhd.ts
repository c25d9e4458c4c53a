import { allocationOf, type AllocationMap } from '../allocation.ts'
import { setBits } from '../bitmap.ts'
import { orderedChunks } from '../convert/ordered-chunks.ts'
import type { DiskSource } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import { ExtentCursor } from '../extents.ts'
import type { EncodedStream, EncodeOptions } from '../format.ts'
import { encodeRaw } from '../raw/raw-stream.ts'
import { encodeFooter, footerSize, sectorSize } from './footer.ts'
import { absent, bitmapSize, usualBlockSize } from './header.ts'
import { encodeFront, frontSize, planVhd, type VhdPlan } from './vhd-sink.ts'

const bitmapBytes = bitmapSize(usualBlockSize)

/**
 * A VHD as a stream, in the order in which XAPI exports and imports it: footer, header, block table, blocks in the order of the disk,
 * footer. With `since` a differencing one that holds the changed sectors.
 */
export async function encodeVhd(source: DiskSource, options: EncodeOptions = {}): Promise<EncodedStream> {
  const { since, scan, signal, settings } = options
  const plan = planVhd(source.size, settings)
  if (plan.footer.type === 'fixed') return encodeFixed(source, plan, options)
  if ((since !== undefined) !== (plan.parent !== undefined)) {
    throw diskErrors.bad_setting({
      format: 'vhd',
      setting: 'subformat',
      reason: '"differencing" goes with a list of changes',
    })
  }
  const allocated = await allocationOf(source, { unit: usualBlockSize, since, scan, signal })
  const table = new Uint32Array(plan.blocks).fill(absent)
  let end = frontSize(plan)
  for (const block of allocated) {
    table[block] = end / sectorSize
    end += bitmapBytes + usualBlockSize
  }
  return { length: end + footerSize, bytes: encodeSparse(source, { plan, table, allocated }, options) }
}

interface SparsePlan {
  readonly plan: VhdPlan
  readonly table: Uint32Array
  readonly allocated: AllocationMap
}

async function* encodeSparse(
  source: DiskSource,
  sparse: SparsePlan,
  { since, signal }: EncodeOptions,
): AsyncGenerator<Uint8Array> {
  const { plan, table, allocated } = sparse
  yield* encodeFront(plan, table)
  await using changes = since === undefined ? undefined : new ExtentCursor(asChanges(source), { since, signal })
  const blocks: Pick<DiskSource, 'size' | 'extents' | 'read'> = {
    size: source.size,
    // Exactly the blocks of the table, whatever the source says this time.
    extents: () => allocatedBlocks(source.size, allocated),
    read: (offset, into, io) => source.read(offset, into, io),
  }
  const bitmap = new Uint8Array(bitmapBytes).fill(0xff)
  for await (const { chunk, bytes } of orderedChunks(asSource(blocks), { signal, size: usualBlockSize, keep: true })) {
    if (!bytes) continue
    if (changes) {
      bitmap.fill(0)
      for (const { offset, length } of await changes.within(chunk.offset, chunk.length)) {
        const start = offset - chunk.offset
        setBits(bitmap, Math.floor(start / sectorSize), Math.ceil((start + length) / sectorSize))
      }
    }
    yield bitmap.slice()
    yield bytes
    if (bytes.length < usualBlockSize) yield new Uint8Array(usualBlockSize - bytes.length)
  }
  yield encodeFooter(plan.footer)
}

async function* allocatedBlocks(
  size: number,
  allocated: AllocationMap,
): AsyncGenerator<{ offset: number; length: number; kind: 'data' }> {
  for (const block of allocated) {
    const offset = block * usualBlockSize
    yield { offset, length: Math.min(usualBlockSize, size - offset), kind: 'data' }
  }
}

/** All changes as data: a range that became zeros has to be written as well. */
function asChanges(source: DiskSource): Pick<DiskSource, 'extents'> {
  return {
    async *extents(options) {
      for await (const { offset, length } of source.extents(options)) yield { offset, length, kind: 'data' }
    },
  }
}

function asSource(parts: Pick<DiskSource, 'size' | 'extents' | 'read'>): DiskSource {
  return { ...parts, [Symbol.asyncDispose]: () => Promise.resolve() }
}

function encodeFixed(source: DiskSource, plan: VhdPlan, options: EncodeOptions): EncodedStream {
  const bytes = async function* (): AsyncGenerator<Uint8Array> {
    yield* encodeRaw(source, options)
    yield encodeFooter(plan.footer)
  }
  return { length: source.size + footerSize, bytes: bytes() }
}
