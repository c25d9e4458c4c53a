import { bitRuns } from '../bitmap.ts'
import type { Extent, ExtentOptions, IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import { checkRange, ExtentCursor, joinExtents, withZeros } from '../extents.ts'
import type { DiskFile } from '../file.ts'
import type { DiskImage, ImageInfo, OpenImageOptions } from '../format.ts'
import { blockState, BlockTable } from './block-table.ts'
import { readStructure, type VhdxStructure } from './structure.ts'

const keptBitmaps = 256

/** A stretch of the disk as this file has it; `below` is for the parent to say. */
interface Stretch {
  readonly offset: number
  readonly length: number
  readonly kind: 'data' | 'zero' | 'below'
}

/** Opens a VHDX with its parents. A log that was left behind is replayed in memory. */
export async function openVhdx(file: DiskFile, options: OpenImageOptions = {}): Promise<DiskImage> {
  const structure = await readStructure(file, options)
  const table = new BlockTable(structure)
  const parent = structure.parent && !options.alone ? await openParent(file, structure.parent, options) : undefined
  return new VhdxImage(structure, table, parent)
}

async function openParent(
  file: DiskFile,
  locator: ReadonlyMap<string, string>,
  options: OpenImageOptions,
): Promise<DiskImage> {
  const windows = ['relative_path', 'absolute_win32_path', 'volume_path'].map((key) => locator.get(key))
  const names = windows.filter((name) => name !== undefined).map((name) => name.replaceAll('\\', '/'))
  // Drive letters and volumes mean nothing here: what is left is the name itself.
  const references = [
    ...new Set(names.flatMap((name) => (/^([a-z]:|\/\/)/i.test(name) ? [] : [name])).concat(names.map(lastPart))),
  ]
  const reference = references[0] ?? ''
  if (!options.openParent || references.length === 0) throw diskErrors.parent_missing({ path: file.path, reference })
  const parent = await options.openParent({ references, from: file, format: 'vhdx' })
  const linkage = ['parent_linkage', 'parent_linkage2'].map((key) => plainGuid(locator.get(key) ?? ''))
  const actual = parent.info.details['dataWriteGuid']
  if (typeof actual === 'string' && linkage.includes(actual)) return parent
  await parent[Symbol.asyncDispose]()
  const what = `the parent's GUID should be ${linkage[0]} and is ${actual ?? 'missing'}`
  throw diskErrors.parent_mismatch({ path: file.path, parent: reference, what })
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

function plainGuid(text: string): string {
  return text.replaceAll(/[{}]/g, '').toLowerCase()
}

function describe(structure: VhdxStructure, parent: DiskImage | undefined): ImageInfo {
  const { size, blockSize, sectorSize, fixed, dataWriteGuid, diskId, file } = structure
  const subformat = structure.parent ? 'differencing' : fixed ? 'fixed' : 'dynamic'
  const path = structure.parent?.get('relative_path') ?? structure.parent?.get('absolute_win32_path') ?? ''
  return {
    format: 'vhdx',
    virtualSize: size,
    details: { subformat, blockSize, sectorSize, dataWriteGuid, diskId, replayed: file.changes },
    ...(structure.parent ? { parent: { path, info: parent?.info } } : {}),
  }
}

class VhdxImage implements DiskImage {
  readonly size: number
  readonly info: ImageInfo
  readonly #structure: VhdxStructure
  readonly #table: BlockTable
  readonly #parent: DiskImage | undefined
  readonly #bitmaps = new Map<number, Uint8Array>()

  constructor(structure: VhdxStructure, table: BlockTable, parent: DiskImage | undefined) {
    this.size = structure.size
    this.info = describe(structure, parent)
    this.#structure = structure
    this.#table = table
    this.#parent = parent
  }

  extents(options: ExtentOptions = {}): AsyncIterable<Extent> {
    if (options.since !== undefined) return joinExtents(this.#changes(options.since, options))
    return joinExtents(withZeros(this.#data(options), this.size))
  }

  async read(offset: number, into: Uint8Array, options?: IoOptions): Promise<void> {
    checkRange(this.size, offset, into.length)
    const { blockSize } = this.#structure
    const end = offset + into.length
    const reads: Promise<void>[] = []
    for (let at = offset; at < end;) {
      const stop = Math.min(end, at - (at % blockSize) + blockSize)
      reads.push(this.#readBlock(at, into.subarray(at - offset, stop - offset), options))
      at = stop
    }
    for (const result of await Promise.allSettled(reads)) if (result.status === 'rejected') throw result.reason
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#structure.file[Symbol.asyncDispose]()
    await this.#parent?.[Symbol.asyncDispose]()
  }

  async #readBlock(offset: number, into: Uint8Array, options?: IoOptions): Promise<void> {
    const { blockSize, file } = this.#structure
    const block = Math.floor(offset / blockSize)
    const entry = await this.#table.block(block, options)
    const place = entry.offset - block * blockSize
    for (const stretch of await this.#stretches(block, { from: offset, to: offset + into.length }, options)) {
      const target = into.subarray(stretch.offset - offset, stretch.offset - offset + stretch.length)
      if (stretch.kind === 'data') await file.read(place + stretch.offset, target, options)
      else if (stretch.kind === 'zero') target.fill(0)
      else await this.#readBelow(stretch.offset, target, options)
    }
  }

  /** What this file knows about a part of a block. */
  async #stretches(block: number, { from, to }: { from: number; to: number }, options?: IoOptions): Promise<Stretch[]> {
    const { blockSize, sectorSize, parent, file } = this.#structure
    const { state } = await this.#table.block(block, options)
    const whole = (kind: Stretch['kind']): Stretch[] => [{ offset: from, length: to - from, kind }]
    if (state === blockState.full) return whole('data')
    if (state === blockState.absent) return whole(parent ? 'below' : 'zero')
    if (state === blockState.undefined || state === blockState.zero || state === blockState.unmapped)
      return whole('zero')
    if (state !== blockState.partial || !parent) {
      throw diskErrors.corrupt({ path: file.path, what: `the block ${block} has the state ${state}` })
    }
    const bitmap = await this.#bitmap(block, options)
    const start = block * blockSize
    const sectors = [Math.floor((from - start) / sectorSize), Math.ceil((to - start) / sectorSize)] as const
    return [...bitRuns(bitmap, ...sectors)].map((run) => {
      const offset = Math.max(from, start + run.start * sectorSize)
      const length = Math.min(to, start + run.end * sectorSize) - offset
      return { offset, length, kind: run.set ? 'data' : 'below' }
    })
  }

  /** What the parent has; zeros beyond its end. */
  async #readBelow(offset: number, into: Uint8Array, options?: IoOptions): Promise<void> {
    const length = Math.max(0, Math.min(into.length, (this.#parent?.size ?? 0) - offset))
    into.fill(0, length)
    if (this.#parent && length > 0) await this.#parent.read(offset, into.subarray(0, length), options)
  }

  /** The bits of the sectors of a block, the highest of a byte first, as the helpers have it; the file has the lowest first. */
  async #bitmap(block: number, options?: IoOptions): Promise<Uint8Array> {
    const known = this.#bitmaps.get(block)
    if (known) return known
    const { blockSize, sectorSize, file } = this.#structure
    const offset = await this.#table.bitmapOffset(block, options)
    if (offset === undefined) {
      throw diskErrors.corrupt({ path: file.path, what: `the block ${block} has no bitmap of its sectors` })
    }
    const bytes = new Uint8Array(blockSize / sectorSize / 8)
    await file.read(offset, bytes, options)
    const bitmap = bytes.map(reversed)
    if (this.#bitmaps.size >= keptBitmaps) this.#bitmaps.delete(this.#bitmaps.keys().next().value ?? block)
    this.#bitmaps.set(block, bitmap)
    return bitmap
  }

  async *#own({ signal }: ExtentOptions): AsyncGenerator<Stretch> {
    const { blockSize } = this.#structure
    for (let from = 0; from < this.size; from += blockSize) {
      signal?.throwIfAborted()
      yield* await this.#stretches(from / blockSize, { from, to: Math.min(this.size, from + blockSize) }, { signal })
    }
  }

  async *#data(options: ExtentOptions): AsyncGenerator<{ offset: number; length: number }> {
    await using below = this.#parent && new ExtentCursor(this.#parent, options)
    for await (const { offset, length, kind } of this.#own(options)) {
      if (kind === 'data') yield { offset, length }
      if (kind !== 'below' || !below) continue
      const end = offset + length
      for (
        let range = await below.first(offset, end);
        range;
        range = await below.first(range.offset + range.length, end)
      ) {
        yield range
      }
    }
  }

  /** What is in this file and not in the one whose content has the GUID `since`. */
  async *#changes(since: string, options: ExtentOptions): AsyncGenerator<Extent> {
    const { parent, dataWriteGuid, file } = this.#structure
    if (since === dataWriteGuid) return
    const linkage = [parent?.get('parent_linkage'), parent?.get('parent_linkage2')].map((text) => plainGuid(text ?? ''))
    if (!linkage.includes(since)) throw diskErrors.changes_unknown({ path: file.path, since })
    for await (const { offset, length, kind } of this.#own(options))
      if (kind !== 'below') yield { offset, length, kind }
  }
}

function reversed(byte: number): number {
  let result = 0
  for (let bit = 0; bit < 8; bit++) result = (result << 1) | ((byte >> bit) & 1)
  return result
}
