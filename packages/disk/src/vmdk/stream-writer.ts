import { deflate } from 'node:zlib'
import { promisify } from 'node:util'
import { alignUp, concatBytes, KiB, viewOf } from '@nixen/core'
import { diskErrors } from '../errors.ts'
import { allZero } from '../zero-runs.ts'
import { streamDescriptor } from './descriptor.ts'
import { encodeMarker, encodeStreamHeader, grainMarkerLength, marker, sector } from './header.ts'

const deflateAsync = promisify(deflate)
/** Bytes of a grain: the only size that every reader of streams takes. */
export const streamGrain: number = 64 * KiB
const entriesPerTable = 512
const descriptorSectors = 20
/** Grains begin here; the usual 128 sectors, header and descriptor included. */
const overhead: number = 128 * sector

export interface StreamWriterOptions {
  /** Virtual size in bytes, a multiple of 512. */
  readonly size: number
  /** Deflate level, 1 to 9. */
  readonly level: number
  /** Name of the file as the descriptor has it. */
  readonly name: string
}

/**
 * Makes the bytes of a stream-optimized VMDK from the grains of a disk in ascending order (Virtual Disk Format 5.0, "Stream-Optimized
 * Compressed Sparse Extents"). Nothing that was made is touched again.
 */
export class StreamWriter {
  readonly #options: StreamWriterOptions
  readonly #directory: Uint32Array
  /** Sectors made so far. */
  #position = 0
  /** The table that is being filled, and its number. */
  #table = new Uint32Array(entriesPerTable)
  #tableIndex = -1

  constructor(options: StreamWriterOptions) {
    this.#options = options
    const { size } = options
    if (size % sector !== 0) throw diskErrors.bad_size({ size, reason: `VMDK needs a multiple of ${sector}` })
    // Places in the file are 32-bit numbers of sectors: beyond this the data of a full disk could not be reached.
    const limit = 0xffff_ffff * sector * 0.9
    if (size > limit)
      throw diskErrors.too_large({ path: options.name, what: 'the disk', size, limit: Math.floor(limit) })
    this.#directory = new Uint32Array(Math.ceil(size / (streamGrain * entriesPerTable)))
  }

  /** What the file begins with. */
  head(): Uint8Array {
    const bytes = new Uint8Array(overhead)
    const { size, name } = this.#options
    bytes.set(this.#header(undefined))
    bytes.set(new TextEncoder().encode(streamDescriptor(size / sector, name)), sector)
    return this.#count(bytes)
  }

  /** Grains of a range that begins at a grain, packed side by side; those of zeros are left out. */
  async grains(offset: number, bytes: Uint8Array): Promise<Uint8Array[]> {
    const jobs: Promise<{ offset: number; packed: Uint8Array }>[] = []
    for (let at = 0; at < bytes.length; at += streamGrain) {
      const part = bytes.subarray(at, at + streamGrain)
      if (allZero(part)) continue
      const grain = part.length === streamGrain ? part : concatBytes([part, new Uint8Array(streamGrain - part.length)])
      jobs.push(deflateAsync(grain, { level: this.#options.level }).then((packed) => ({ offset: offset + at, packed })))
    }
    return (await Promise.all(jobs)).flatMap((job) => this.#place(job.offset, job.packed))
  }

  /** What the file ends with: the last table, the directory, the footer and the end marker. */
  tail(): Uint8Array[] {
    const parts = this.#closeTable()
    const bytes = this.#directory.length * 4
    const directory = new Uint8Array(alignUp(bytes, sector))
    directory.set(littleEndian(this.#directory))
    parts.push(this.#count(encodeMarker(marker.grainDirectory, directory.length / sector)))
    const at = this.#position * sector
    parts.push(this.#count(directory))
    parts.push(this.#count(encodeMarker(marker.footer, 1)), this.#count(this.#header(at)))
    parts.push(this.#count(encodeMarker(marker.endOfStream, 0)))
    return parts
  }

  #header(directoryOffset: number | undefined): Uint8Array {
    return encodeStreamHeader({
      capacity: this.#options.size,
      grainSize: streamGrain,
      entriesPerTable,
      descriptorSize: descriptorSectors * sector,
      overhead,
      directoryOffset,
    })
  }

  #place(offset: number, packed: Uint8Array): Uint8Array[] {
    const index = offset / streamGrain
    const table = Math.floor(index / entriesPerTable)
    const before = table === this.#tableIndex ? [] : this.#closeTable()
    this.#tableIndex = table
    this.#table[index % entriesPerTable] = this.#position
    const bytes = new Uint8Array(alignUp(grainMarkerLength + packed.length, sector))
    viewOf(bytes).setBigUint64(0, BigInt(offset / sector), true)
    viewOf(bytes).setUint32(8, packed.length, true)
    bytes.set(packed, grainMarkerLength)
    return [...before, this.#count(bytes)]
  }

  /** Tables follow the last of their grains. One without grains is left out. */
  #closeTable(): Uint8Array[] {
    if (this.#tableIndex < 0) return []
    const bytes = littleEndian(this.#table)
    const head = this.#count(encodeMarker(marker.grainTable, bytes.length / sector))
    this.#directory[this.#tableIndex] = this.#position
    this.#table = new Uint32Array(entriesPerTable)
    this.#tableIndex = -1
    return [head, this.#count(bytes)]
  }

  #count(bytes: Uint8Array): Uint8Array {
    this.#position += bytes.length / sector
    if (this.#position > 0xffff_ffff) {
      const limit = 0xffff_ffff * sector
      throw diskErrors.too_large({ path: this.#options.name, what: 'the file', size: this.#position * sector, limit })
    }
    return bytes
  }
}

function littleEndian(numbers: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(numbers.length * 4)
  const view = viewOf(bytes)
  for (const [index, value] of numbers.entries()) view.setUint32(index * 4, value, true)
  return bytes
}
