import { alignedBuffers } from '../aligned.ts'
import type { DiskSource } from '../disk-source.ts'
import type { ConvertOptions } from '../convert/convert.ts'
import { ExtentCursor, readChunk } from '../extents.ts'

/** What a comparison found. */
export type Comparison =
  | { readonly kind: 'identical' }
  /** The same, but for zeros at the end of the longer one. */
  | { readonly kind: 'size'; readonly a: number; readonly b: number }
  /** The first byte that differs, and its value on both. */
  | { readonly kind: 'different'; readonly offset: number; readonly a: number; readonly b: number }

const chunkSize = 2 * 1024 * 1024

/** Compares what guests read from two disks: holes are zeros, and so is what lies beyond the end of the shorter one. */
export async function compareDisks(
  a: DiskSource,
  b: DiskSource,
  { signal, progress }: Omit<ConvertOptions, 'concurrency'> = {},
): Promise<Comparison> {
  const total = Math.max(a.size, b.size)
  const [left, right] = alignedBuffers(2, chunkSize)
  if (!left || !right) throw new TypeError('two buffers were asked for')
  await using cursorA = new ExtentCursor(a, { signal })
  await using cursorB = new ExtentCursor(b, { signal })
  const load = async (source: DiskSource, cursor: ExtentCursor, range: { offset: number; into: Uint8Array }) => {
    const { offset, into } = range
    const data = await cursor.within(offset, into.length)
    await readChunk(source, { offset, length: into.length, data }, { into, signal })
  }
  for (let offset = 0; offset < total;) {
    signal?.throwIfAborted()
    const next = Math.min((await cursorA.dataFrom(offset)) ?? total, (await cursorB.dataFrom(offset)) ?? total)
    offset = next >= total ? total : Math.max(offset, Math.floor(next / chunkSize) * chunkSize)
    const length = Math.min(chunkSize, total - offset)
    const intoA = left.subarray(0, length)
    const intoB = right.subarray(0, length)
    await Promise.all([load(a, cursorA, { offset, into: intoA }), load(b, cursorB, { offset, into: intoB })])
    if (Buffer.compare(intoA, intoB) !== 0) return firstDifference(offset, intoA, intoB)
    offset += length
    progress?.({ bytes: offset, total })
  }
  return a.size === b.size ? { kind: 'identical' } : { kind: 'size', a: a.size, b: b.size }
}

function firstDifference(base: number, a: Uint8Array, b: Uint8Array): Comparison {
  const at = a.findIndex((byte, index) => byte !== b[index])
  return { kind: 'different', offset: base + at, a: a[at] ?? 0, b: b[at] ?? 0 }
}
