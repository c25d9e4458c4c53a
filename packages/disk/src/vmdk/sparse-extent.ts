import { inflate } from 'node:zlib'
import { promisify } from 'node:util'
import { safeInteger, viewOf } from '@nixen/core'
import type { IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import { checkWithin, type DiskFile } from '../file.ts'
import type { VmdkExtent } from './extent.ts'
import { grainMarkerLength, isSparseHeader, parseSparseHeader, sector, type SparseHeader } from './header.ts'

const inflateAsync = promisify(inflate)
/** Grain tables that are kept; 8 MiB with the usual 512 entries. */
const keptTables = 4096
/** Compressed grains that are unpacked side by side. */
const together = 16

/** Opens a sparse extent: hosted sparse, or stream-optimized with its footer. The file stays the caller's until this resolves. */
export async function openSparseExtent(file: DiskFile, { signal }: IoOptions = {}): Promise<SparseExtent> {
  const size = await file.size()
  const sectorAt = async (offset: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(sector)
    await file.read(offset, bytes, { signal })
    return bytes
  }
  let header = parseSparseHeader(await sectorAt(0), file.path)
  if (header.directoryOffset === undefined) {
    // The footer is the last sector but one; the end-of-stream marker follows it.
    if (size < 3 * sector) throw diskErrors.truncated({ path: file.path, expected: 3 * sector, received: size })
    const footer = await sectorAt(size - 2 * sector)
    if (!isSparseHeader(footer)) {
      // Without it the stream was cut off before its end.
      throw diskErrors.truncated({ path: file.path, expected: size + 2 * sector, received: size })
    }
    header = parseSparseHeader(footer, file.path)
  }
  const { directoryOffset, tables } = header
  if (directoryOffset === undefined) {
    throw diskErrors.corrupt({ path: file.path, what: 'it has no grain directory: the stream was cut off' })
  }
  checkWithin(file.path, size, { offset: directoryOffset, length: tables * 4 })
  const directory = new Uint8Array(tables * 4)
  await file.read(directoryOffset, directory, { signal })
  checkTables(viewOf(directory), header, file.path)
  return new SparseExtent(file, { header, directory, fileSize: size })
}

/** Refuses tables that share bytes: a small file could claim petabytes of data by naming one table a million times. */
function checkTables(directory: DataView, header: SparseHeader, path: string): void {
  const places = new Float64Array(header.tables)
  for (let index = 0; index < header.tables; index++) places[index] = directory.getUint32(index * 4, true) * sector
  places.sort()
  for (const [index, at] of places.entries()) {
    const next = places[index + 1]
    if (at === 0 || next === undefined || next - at >= header.entriesPerTable * 4) continue
    throw diskErrors.corrupt({ path, what: 'two of its grain tables overlap', offset: at })
  }
}

interface Grain {
  /** Byte of the file, or what the grain is instead. */
  readonly at: number | 'zero'
}

export class SparseExtent implements VmdkExtent {
  readonly size: number
  readonly header: SparseHeader
  readonly #file: DiskFile
  readonly #fileSize: number
  readonly #directory: DataView
  readonly #tables = new Map<number, Promise<DataView | undefined>>()

  constructor(file: DiskFile, parts: { header: SparseHeader; directory: Uint8Array; fileSize: number }) {
    this.#file = file
    this.header = parts.header
    this.size = parts.header.capacity
    this.#directory = viewOf(parts.directory)
    this.#fileSize = parts.fileSize
  }

  async *data({ signal }: IoOptions = {}): AsyncGenerator<{ offset: number; length: number }> {
    const { grainSize, entriesPerTable, tables } = this.header
    for (let index = 0; index < tables; index++) {
      if (this.#directory.getUint32(index * 4, true) === 0) continue
      signal?.throwIfAborted()
      const table = await this.#table(index)
      if (!table) continue
      for (let entry = 0; entry < entriesPerTable; entry++) {
        const offset = (index * entriesPerTable + entry) * grainSize
        if (offset >= this.size) return
        if (this.#grain(table.getUint32(entry * 4, true)).at === 'zero') continue
        yield { offset, length: Math.min(grainSize, this.size - offset) }
      }
    }
  }

  async read(offset: number, into: Uint8Array, options: IoOptions = {}): Promise<void> {
    const { grainSize, compressed } = this.header
    const end = offset + into.length
    const runs: { grain: Grain; from: number; to: number }[] = []
    for (let at = offset; at < end;) {
      const stop = Math.min(end, at - (at % grainSize) + grainSize)
      const grain = await this.#grainOf(Math.floor(at / grainSize))
      const last = runs.at(-1)
      // Neighbours in the file are read at once.
      if (last && !compressed && follows(last, grain, grainSize)) last.to = stop
      else runs.push({ grain, from: at, to: stop })
      at = stop
    }
    for (let start = 0; start < runs.length; start += together) {
      const batch = runs.slice(start, start + together).map(async ({ grain, from, to }) => {
        const target = into.subarray(from - offset, to - offset)
        if (grain.at === 'zero') target.fill(0)
        else if (!compressed) await this.#file.read(grain.at + (from % grainSize), target, options)
        else
          target.set(
            (await this.#unpack(grain.at, from - (from % grainSize), options)).subarray(
              from % grainSize,
              (from % grainSize) + target.length,
            ),
          )
      })
      for (const result of await Promise.allSettled(batch)) if (result.status === 'rejected') throw result.reason
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }

  async #grainOf(index: number): Promise<Grain> {
    const { entriesPerTable } = this.header
    const table = await this.#table(Math.floor(index / entriesPerTable))
    return this.#grain(table?.getUint32((index % entriesPerTable) * 4, true) ?? 0)
  }

  #grain(entry: number): Grain {
    return { at: entry === 0 || (entry === 1 && this.header.zeroGrains) ? 'zero' : entry * sector }
  }

  #table(index: number): Promise<DataView | undefined> {
    const known = this.#tables.get(index)
    if (known) return known
    const loading = this.#loadTable(index)
    loading.catch(() => this.#tables.delete(index))
    this.#tables.set(index, loading)
    if (this.#tables.size > keptTables) {
      // The one that has been here longest; reads mostly go forward.
      const [oldest] = this.#tables.keys()
      if (oldest !== undefined) this.#tables.delete(oldest)
    }
    return loading
  }

  async #loadTable(index: number): Promise<DataView | undefined> {
    const at = this.#directory.getUint32(index * 4, true)
    if (at === 0) return undefined
    const bytes = new Uint8Array(this.header.entriesPerTable * 4)
    checkWithin(this.#file.path, this.#fileSize, { offset: at * sector, length: bytes.length })
    await this.#file.read(at * sector, bytes)
    return viewOf(bytes)
  }

  /** Reads and unpacks a compressed grain; `place` is where it must belong on the disk. */
  async #unpack(at: number, place: number, options: IoOptions): Promise<Uint8Array> {
    const head = new Uint8Array(grainMarkerLength)
    await this.#file.read(at, head, options)
    const view = viewOf(head)
    const length = view.getUint32(8, true)
    const { path } = this.#file
    if (safeInteger(view.getBigUint64(0, true)) !== place / sector) {
      throw diskErrors.corrupt({ path, what: 'a grain belongs to another place of the disk', offset: at })
    }
    checkGrainLength(length, this.header.grainSize, { path, offset: at })
    const packed = new Uint8Array(length)
    await this.#file.read(at + grainMarkerLength, packed, options)
    return unpackGrain(packed, this.header.grainSize, { path, offset: at })
  }
}

function follows(last: { grain: Grain; from: number; to: number }, next: Grain, grainSize: number): boolean {
  if (last.grain.at === 'zero' || next.at === 'zero') return last.grain.at === next.at
  return next.at === last.grain.at + last.to - (last.from - (last.from % grainSize))
}

/** Refuses lengths that no compressed grain has: random data grows by far less than 64 KiB. */
export function checkGrainLength(length: number, grainSize: number, where: { path: string; offset: number }): void {
  if (length > 0 && length <= grainSize + 65_536) return
  throw diskErrors.corrupt({ ...where, what: `a compressed grain of ${length} bytes makes no sense` })
}

/** Unpacks a grain; one at the end of the disk may be short, and is filled with zeros. */
export async function unpackGrain(
  packed: Uint8Array,
  grainSize: number,
  where: { path: string; offset: number },
): Promise<Uint8Array> {
  try {
    const bytes = await inflateAsync(packed, { maxOutputLength: grainSize })
    if (bytes.length === grainSize) return bytes
    const whole = new Uint8Array(grainSize)
    whole.set(bytes)
    return whole
  } catch (cause) {
    throw diskErrors.corrupt({ ...where, what: 'a compressed grain is damaged' }, { cause })
  }
}
