import { mapOrdered, MiB } from '@nixen/core'
import type { DiskPart } from '../format.ts'
import type { DiskSource, Extent } from '../disk-source.ts'

export interface ReadAheadOptions {
  /** What to read; all data of the source when left out. Zero extents are passed over. */
  readonly extents?: AsyncIterable<Extent> | undefined
  /** Bytes of one part at the most; 1 MiB when left out. */
  readonly partSize?: number | undefined
  /** Parts that are read at the same time; 16 when left out. Their memory is reused: see {@link DiskPart}. */
  readonly depth?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Reads a source in order with many reads under way, as sources behind a network need. The bytes of a part are valid until the next one is
 * asked for.
 */
export async function* readAhead(source: DiskSource, options: ReadAheadOptions = {}): AsyncGenerator<DiskPart> {
  const { partSize = MiB, depth = 16, signal } = options
  const free: Uint8Array[] = []
  const ranges = cut(options.extents ?? source.extents({ signal }), partSize)
  const parts = mapOrdered(ranges, depth, async ({ offset, length }) => {
    const buffer = free.pop() ?? new Uint8Array(partSize)
    const bytes = buffer.subarray(0, length)
    await source.read(offset, bytes, { signal })
    return { offset, bytes, buffer }
  })
  for await (const { offset, bytes, buffer } of parts) {
    yield { offset, bytes }
    free.push(buffer)
  }
}

async function* cut(
  extents: AsyncIterable<Extent>,
  partSize: number,
): AsyncGenerator<{ offset: number; length: number }> {
  for await (const extent of extents) {
    if (extent.kind === 'zero') continue
    const end = extent.offset + extent.length
    // Parts start at multiples of their size, so that servers see aligned requests.
    for (let offset = extent.offset; offset < end;) {
      const next = Math.min(end, offset - (offset % partSize) + partSize)
      yield { offset, length: next - offset }
      offset = next
    }
  }
}
