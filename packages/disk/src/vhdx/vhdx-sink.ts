import { randomUUID } from 'node:crypto'
import { alignUp, KiB, MiB, viewOf } from '@nixen/core'
import type { DiskSink } from '../disk-sink.ts'
import type { IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import { checkRange } from '../extents.ts'
import type { DiskFile } from '../file.ts'
import type { CreateImageOptions } from '../format.ts'
import { readSettings } from '../settings.ts'
import { Touched } from '../touched.ts'
import { blockState, chunkRatio, tableEntries } from './block-table.ts'
import { checksumWithout } from './crc32c.ts'
import { guid, writeGuid } from './guid.ts'
import { fileMagic, headerOffsets, headerSize, largestVhdx, regionOffsets, tableSize } from './structure.ts'

const log = { offset: MiB, length: MiB } as const
const metadata = { offset: 2 * MiB, length: MiB } as const
const tableOffset = 3 * MiB

const rules = {
  subformat: { kind: 'choice', of: ['dynamic'], default: 'dynamic' },
  blockSize: {
    kind: 'number',
    valid: (value: number) => value >= MiB && value <= 256 * MiB && (value & (value - 1)) === 0,
    rule: 'it is a power of two from 1 MiB to 256 MiB, in bytes',
    default: 2 * MiB,
  },
  sectorSize: {
    kind: 'number',
    valid: (value: number) => value === 512 || value === 4096,
    rule: 'it is 512 or 4096',
    default: 512,
  },
} as const

/** A sink that makes a dynamic VHDX in a file. Headers and tables come last: before `finish` the file is no VHDX. */
export function createVhdx(file: DiskFile, { size, settings }: CreateImageOptions): Promise<DiskSink> {
  const { blockSize, sectorSize } = readSettings('vhdx', settings, rules)
  if (size % sectorSize !== 0) {
    throw diskErrors.bad_size({ size, reason: `VHDX needs a multiple of its sectors of ${sectorSize} bytes` })
  }
  if (size > largestVhdx) throw diskErrors.too_large({ path: file.path, what: 'the disk', size, limit: largestVhdx })
  return Promise.resolve(new VhdxSink(file, { size, blockSize, sectorSize }))
}

class VhdxSink implements DiskSink {
  readonly size: number
  readonly order = 'any'
  readonly #file: DiskFile
  readonly #blockSize: number
  readonly #sectorSize: number
  readonly #touched = new Touched()
  readonly #tableLength: number
  /** Place of each block in the file in MiB; 0 for those without data. */
  readonly #places: Uint32Array
  #next: number

  constructor(file: DiskFile, disk: { size: number; blockSize: number; sectorSize: number }) {
    this.#file = file
    this.size = disk.size
    this.#blockSize = disk.blockSize
    this.#sectorSize = disk.sectorSize
    this.#places = new Uint32Array(Math.ceil(disk.size / disk.blockSize))
    this.#tableLength = Math.max(MiB, alignUp(tableEntries({ ...disk, hasParent: false }) * 8, MiB))
    this.#next = tableOffset + this.#tableLength
  }

  async write(offset: number, bytes: Uint8Array, { signal }: IoOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    checkRange(this.size, offset, bytes.length)
    this.#touched.add(offset, bytes.length)
    for (let done = 0; done < bytes.length;) {
      const at = offset + done
      const part = bytes.subarray(done, done + this.#blockSize - (at % this.#blockSize))
      await this.#file.write(this.#place(at), part)
      done += part.length
    }
  }

  async zero(offset: number, length: number, options: IoOptions = {}): Promise<void> {
    checkRange(this.size, offset, length)
    for (const range of this.#touched.within(offset, length))
      await this.write(range.offset, new Uint8Array(range.length), options)
  }

  async finish({ signal }: IoOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    // New blocks are holes where nothing was written; the file ends with a whole block.
    await this.#file.truncate(this.#next)
    await this.#writeTable()
    await this.#file.write(metadata.offset, ...encodeMetadata(this.size, this.#blockSize, this.#sectorSize))
    for (const offset of regionOffsets) await this.#file.write(offset, encodeRegions(this.#tableLength))
    const ids = { file: randomUUID(), data: randomUUID() }
    for (const [index, offset] of headerOffsets.entries()) await this.#file.write(offset, encodeHeader(index, ids))
    await this.#file.write(0, encodeIdentifier())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }

  /** Where a byte of the disk is in the file; its block gets a place if it has none. */
  #place(offset: number): number {
    const block = Math.floor(offset / this.#blockSize)
    let place = (this.#places[block] ?? 0) * MiB
    if (place === 0) {
      place = this.#next
      this.#places[block] = place / MiB
      this.#next += this.#blockSize
    }
    return place + (offset % this.#blockSize)
  }

  async #writeTable(): Promise<void> {
    const ratio = chunkRatio({ sectorSize: this.#sectorSize, blockSize: this.#blockSize })
    const page = new Uint8Array(64 * KiB)
    const view = viewOf(page)
    // Page by page: the table of a large disk with small blocks has hundreds of megabytes.
    for (let start = 0; start < this.#tableLength; start += page.length) {
      page.fill(0)
      let used = false
      for (let at = 0; at < page.length; at += 8) {
        const entry = (start + at) / 8
        // Every so many blocks comes an entry for a bitmap, which is not used.
        const chunk = Math.floor(entry / (ratio + 1))
        const place = entry % (ratio + 1) === ratio ? 0 : (this.#places[entry - chunk] ?? 0)
        if (place === 0) continue
        used = true
        view.setUint32(at, ((place << 20) | blockState.full) >>> 0, true)
        view.setUint32(at + 4, place >>> 12, true)
      }
      if (used) await this.#file.write(tableOffset + start, page.slice())
    }
  }
}

function encodeIdentifier(): Uint8Array {
  const bytes = new Uint8Array(64 * KiB)
  bytes.set(new TextEncoder().encode(fileMagic))
  bytes.set(Buffer.from('Nixen', 'utf16le'), 8)
  return bytes
}

function encodeHeader(index: number, ids: { file: string; data: string }): Uint8Array {
  const bytes = new Uint8Array(headerSize)
  const view = viewOf(bytes)
  bytes.set(new TextEncoder().encode('head'))
  view.setBigUint64(8, BigInt(index + 1), true)
  bytes.set(writeGuid(ids.file), 16)
  bytes.set(writeGuid(ids.data), 32)
  // No log GUID: there is nothing to replay.
  view.setUint16(66, 1, true)
  view.setUint32(68, log.length, true)
  view.setBigUint64(72, BigInt(log.offset), true)
  view.setUint32(4, checksumWithout(bytes, 4), true)
  return bytes
}

function encodeRegions(tableLength: number): Uint8Array {
  const bytes = new Uint8Array(tableSize)
  const view = viewOf(bytes)
  bytes.set(new TextEncoder().encode('regi'))
  const regions = [
    { id: guid.bat, offset: tableOffset, length: tableLength },
    { id: guid.metadata, ...metadata },
  ]
  view.setUint32(8, regions.length, true)
  for (const [index, { id, offset, length }] of regions.entries()) {
    const at = 16 + index * 32
    bytes.set(writeGuid(id), at)
    view.setBigUint64(at + 16, BigInt(offset), true)
    view.setUint32(at + 24, length, true)
    view.setUint32(at + 28, 1, true)
  }
  view.setUint32(4, checksumWithout(bytes, 4), true)
  return bytes
}

/** The table of metadata items and, 64 KiB later, the items. */
function encodeMetadata(size: number, blockSize: number, sectorSize: number): Uint8Array[] {
  const table = new Uint8Array(tableSize)
  const view = viewOf(table)
  const content = new Uint8Array(40)
  const values = viewOf(content)
  values.setUint32(0, blockSize, true)
  values.setBigUint64(8, BigInt(size), true)
  content.set(writeGuid(randomUUID()), 16)
  values.setUint32(32, sectorSize, true)
  values.setUint32(36, 4096, true)
  // Bit 2 is for "required", bit 1 for what belongs to the disk and not to the file.
  const items = [
    { id: guid.fileParameters, at: 0, length: 8, flags: 4 },
    { id: guid.virtualDiskSize, at: 8, length: 8, flags: 6 },
    { id: guid.virtualDiskId, at: 16, length: 16, flags: 6 },
    { id: guid.logicalSectorSize, at: 32, length: 4, flags: 6 },
    { id: guid.physicalSectorSize, at: 36, length: 4, flags: 6 },
  ]
  table.set(new TextEncoder().encode('metadata'))
  view.setUint16(10, items.length, true)
  for (const [index, { id, at, length, flags }] of items.entries()) {
    const entry = 32 + index * 32
    table.set(writeGuid(id), entry)
    view.setUint32(entry + 16, tableSize + at, true)
    view.setUint32(entry + 20, length, true)
    view.setUint32(entry + 24, flags, true)
  }
  return [table, content]
}
