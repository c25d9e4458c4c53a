import { ByteReader, safeInteger, viewOf, type ByteStream } from '@nixen/core'
import type { IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import type { DiskPart, DiskStream } from '../format.ts'
import { grainMarkerLength, marker, parseSparseHeader, sector, type SparseHeader } from './header.ts'
import { checkGrainLength, unpackGrain } from './sparse-extent.ts'

/** Bytes of a grain directory or table that is passed over at the most. */
const maxMetadata = 64 * 1024 * 1024

/** Reads a stream-optimized VMDK as it comes: grains carry their places, tables are not needed. */
export async function decodeVmdk(
  stream: ByteStream,
  { name = 'The VMDK stream' }: IoOptions & { readonly name?: string | undefined } = {},
): Promise<DiskStream> {
  const reader = new ByteReader(stream)
  try {
    const head = await reader.readUpTo(sector)
    if (head.length < sector) throw diskErrors.truncated({ path: name, expected: sector, received: head.length })
    const header = parseSparseHeader(head, name)
    if (!header.compressed) {
      throw diskErrors.not_streamable({ path: name, what: 'only stream-optimized disks have their data in order' })
    }
    if (header.overhead < sector || header.overhead > maxMetadata) {
      throw diskErrors.corrupt({ path: name, what: 'its first grain is at a place that makes no sense' })
    }
    const grains = await countGrains(reader, header)
    return new GrainStream(reader, { header, grains, name })
  } catch (error) {
    await reader[Symbol.asyncDispose]()
    throw error
  }
}

/**
 * Passes over what comes before the grains. Where the tables are there, as qemu-img writes them, it gives the number of grains that they name: such a
 * stream has no marker at its end.
 */
async function countGrains(reader: ByteReader, header: SparseHeader): Promise<number | undefined> {
  const { directoryOffset, overhead, tables, entriesPerTable } = header
  if (directoryOffset === undefined || directoryOffset < sector || directoryOffset + tables * 4 > overhead) {
    await reader.skip(overhead - sector)
    return undefined
  }
  const front = await reader.readUpTo(overhead - sector)
  const view = viewOf(front)
  let grains = 0
  for (let table = 0; table < tables; table++) {
    const entry = directoryOffset - sector + table * 4
    const at = entry + 4 > front.length ? 0 : view.getUint32(entry, true) * sector - sector
    if (at < 0) continue
    if (at + entriesPerTable * 4 > front.length) return undefined
    // 0 is a grain that is not there, 1 one of zeros.
    for (let i = 0; i < entriesPerTable; i++) if (view.getUint32(at + i * 4, true) > 1) grains++
  }
  return grains
}

interface GrainStreamParts {
  readonly header: SparseHeader
  /** How many there are, where that is known. */
  readonly grains: number | undefined
  readonly name: string
}

class GrainStream implements DiskStream {
  readonly size: number
  readonly order = 'ascending'
  readonly info: DiskStream['info']
  readonly #reader: ByteReader
  readonly #header: SparseHeader
  readonly #name: string
  readonly #grains: number | undefined

  constructor(reader: ByteReader, { header, grains, name }: GrainStreamParts) {
    this.#reader = reader
    this.#grains = grains
    this.#header = header
    this.#name = name
    this.size = header.capacity
    const details = { subformat: 'streamOptimized', grainSize: header.grainSize }
    this.info = { format: 'vmdk', virtualSize: header.capacity, details }
  }

  async *parts({ signal }: IoOptions = {}): AsyncGenerator<DiskPart> {
    let end = 0
    let count = 0
    for (;;) {
      signal?.throwIfAborted()
      const offset = this.#reader.position
      const first = await this.#reader.readUpTo(sector)
      if (first.length === 0 && count === this.#grains) return
      if (first.length < sector) throw this.#truncated(sector - first.length)
      const view = viewOf(first)
      const length = view.getUint32(8, true)
      if (length === 0) {
        const type = view.getUint32(12, true)
        if (type === marker.endOfStream) return
        await this.#skip(view.getBigUint64(0, true), { type, offset })
        continue
      }
      const place = safeInteger(view.getBigUint64(0, true) * BigInt(sector))
      const part = await this.#grain(first, { place, end, length, offset })
      end = part.offset + part.bytes.length
      count++
      yield part
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]()
  }

  async #grain(
    first: Uint8Array,
    { place, end, length, offset }: { place: number | undefined; end: number; length: number; offset: number },
  ): Promise<DiskPart> {
    const { grainSize } = this.#header
    const where = { path: this.#name, offset }
    checkGrainLength(length, grainSize, where)
    if (place === undefined || place % grainSize !== 0 || place >= this.size) {
      throw diskErrors.corrupt({ ...where, what: 'a grain belongs to a place that is not on the disk' })
    }
    if (place < end) throw diskErrors.corrupt({ ...where, what: 'the grains are not in ascending order' })
    const packed = new Uint8Array(length)
    packed.set(first.subarray(grainMarkerLength, grainMarkerLength + length))
    const rest = Math.max(0, length - (sector - grainMarkerLength))
    if (rest > 0) {
      const padded = Math.ceil(rest / sector) * sector
      const more = await this.#reader.readUpTo(padded)
      if (more.length < padded) throw this.#truncated(padded - more.length)
      packed.set(more.subarray(0, rest), sector - grainMarkerLength)
    }
    const bytes = await unpackGrain(packed, grainSize, where)
    return { offset: place, bytes: bytes.subarray(0, this.size - place) }
  }

  async #skip(sectors: bigint, { type, offset }: { type: number; offset: number }): Promise<void> {
    const where = { path: this.#name, offset }
    const known = type === marker.grainTable || type === marker.grainDirectory || type === marker.footer
    if (!known || sectors * BigInt(sector) > BigInt(maxMetadata)) {
      throw diskErrors.corrupt({ ...where, what: `a marker of type ${type} for ${sectors} sectors makes no sense` })
    }
    await this.#reader.skip(Number(sectors) * sector)
  }

  #truncated(missing: number): Error {
    const received = this.#reader.position
    return diskErrors.truncated({ path: this.#name, expected: received + missing, received })
  }
}
