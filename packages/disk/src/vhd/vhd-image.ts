import { bitRuns } from '../bitmap.ts'
import type { Extent, ExtentOptions, IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import { checkRange, ExtentCursor, joinExtents, withZeros } from '../extents.ts'
import type { DiskFile } from '../file.ts'
import type { DiskImage, ImageInfo, OpenImageOptions } from '../format.ts'
import { sectorSize } from './footer.ts'
import { isPresent, parentNames, readStructure, type SparseStructure, type VhdStructure } from './structure.ts'

interface Range {
  readonly offset: number
  readonly length: number
}

/** Opens a VHD with its parents. */
export async function openVhd(file: DiskFile, options: OpenImageOptions = {}): Promise<DiskImage> {
  const structure = await readStructure(file)
  const { footer, sparse } = structure
  const parent =
    footer.type === 'differencing' && sparse && !options.alone ? await openParent(file, sparse, options) : undefined
  return new VhdImage(file, structure, parent)
}

async function openParent(file: DiskFile, { header }: SparseStructure, options: OpenImageOptions): Promise<DiskImage> {
  const references = await parentNames(file, header)
  if (!options.openParent)
    throw diskErrors.parent_missing({ path: file.path, reference: references[0] ?? header.parentUuid })
  const parent = await options.openParent({ references, from: file })
  const uuid = parent.info.details['uuid']
  if (uuid === header.parentUuid) return parent
  await parent[Symbol.asyncDispose]()
  throw diskErrors.parent_mismatch({
    path: file.path,
    parent: references[0] ?? '',
    what: `the parent's UUID should be ${header.parentUuid} and is ${uuid ?? 'missing'}`,
  })
}

function describe({ footer, sparse }: VhdStructure, parent: DiskImage | undefined): ImageInfo {
  const details = { subformat: footer.type, uuid: footer.uuid, creator: footer.creator.replaceAll('\0', '').trim() }
  const info = { format: 'vhd', virtualSize: footer.size }
  if (!sparse) return { ...info, details }
  const blocks = {
    ...details,
    blockSize: sparse.header.blockSize,
    allocatedBlocks: sparse.table.reduce((count, entry) => count + (isPresent(entry) ? 1 : 0), 0),
  }
  if (footer.type !== 'differencing') return { ...info, details: blocks }
  return {
    ...info,
    details: { ...blocks, parentUuid: sparse.header.parentUuid },
    parent: { path: sparse.header.parentName, info: parent?.info },
  }
}

/** What the bitmap of a block says: all of its sectors are in this file, or some. */
type BlockBitmap = 'full' | Uint8Array

/** Bitmaps that are kept; each is 512 bytes for a usual disk. */
const mostBitmaps = 1024

class VhdImage implements DiskImage {
  readonly size: number
  readonly info: ImageInfo
  readonly #file: DiskFile
  readonly #structure: VhdStructure
  readonly #parent: DiskImage | undefined
  readonly #bitmaps = new Map<number, BlockBitmap>()

  constructor(file: DiskFile, structure: VhdStructure, parent: DiskImage | undefined) {
    this.#file = file
    this.#structure = structure
    this.#parent = parent
    this.size = structure.footer.size
    this.info = describe(structure, parent)
  }

  extents(options: ExtentOptions = {}): AsyncIterable<Extent> {
    if (options.since === undefined) return withZeros(this.#data(options), this.size)
    return joinExtents(this.#changes(options.since, options))
  }

  /** Ranges that hold data, in this file or in a parent. */
  async *#data(options: ExtentOptions): AsyncGenerator<Range> {
    const { sparse, footer } = this.#structure
    if (!sparse) return yield* this.#fixedData()
    if (footer.type === 'dynamic') return yield* presentBlocks(sparse, this.size)
    if (!this.#parent) return yield* this.#own(sparse, options)
    yield* mergeRanges(this.#own(sparse, options), this.#parent, this.size)
  }

  async *#fixedData(): AsyncGenerator<Range> {
    for (let at = 0; at < this.size;) {
      const found = await this.#file.nextData(at, this.size - at)
      if (!found || found.offset >= this.size) return
      yield { offset: found.offset, length: Math.min(found.length, this.size - found.offset) }
      at = found.offset + found.length
    }
  }

  /** Ranges whose sectors are in this file. */
  async *#own(sparse: SparseStructure, { signal }: ExtentOptions): AsyncGenerator<Range> {
    for (const { offset, length } of presentBlocks(sparse, this.size)) {
      signal?.throwIfAborted()
      const bitmap = await this.#bitmap(sparse, offset / sparse.header.blockSize)
      if (bitmap === 'full') yield { offset, length }
      else yield* setRanges(bitmap, offset, length)
    }
  }

  /** What is in this file and in the parents down to, but without, the one whose UUID is `since`. */
  async *#changes(since: string, options: ExtentOptions): AsyncGenerator<Extent> {
    const { footer, sparse } = this.#structure
    if (since === footer.uuid) return
    if (!sparse || footer.type !== 'differencing') throw diskErrors.changes_unknown({ path: this.#file.path, since })
    const own = this.#own(sparse, options)
    if (since === sparse.header.parentUuid) {
      for await (const { offset, length } of own) yield { offset, length, kind: 'data' }
      return
    }
    if (!this.#parent) throw diskErrors.changes_unknown({ path: this.#file.path, since })
    for await (const range of mergeRanges(own, this.#parent, this.size, options)) yield { ...range, kind: 'data' }
  }

  async read(offset: number, into: Uint8Array, options?: IoOptions): Promise<void> {
    checkRange(this.size, offset, into.length)
    const { sparse } = this.#structure
    if (!sparse) return await this.#file.read(offset, into, options)
    const reads: Promise<void>[] = []
    const { blockSize } = sparse.header
    for (let done = 0; done < into.length;) {
      const block = Math.floor((offset + done) / blockSize)
      const start = (offset + done) % blockSize
      const part = into.subarray(done, done + blockSize - start)
      reads.push(this.#readBlock({ sparse, block, start, into: part }, options))
      done += part.length
    }
    await Promise.all(reads)
  }

  async #readBlock(
    part: { sparse: SparseStructure; block: number; start: number; into: Uint8Array },
    options?: IoOptions,
  ): Promise<void> {
    const { sparse, block, start, into } = part
    const { blockSize } = sparse.header
    const entry = sparse.table[block]
    if (!isPresent(entry)) return await this.#readBelow(block * blockSize + start, into, options)
    const data = entry * sectorSize + sparse.bitmapSize + start
    const bitmap = await this.#bitmap(sparse, block)
    if (bitmap === 'full') return await this.#file.read(data, into, options)
    const end = start + into.length
    for (const run of bitRuns(bitmap, Math.floor(start / sectorSize), Math.ceil(end / sectorSize))) {
      const from = Math.max(run.start * sectorSize, start)
      const piece = into.subarray(from - start, Math.min(run.end * sectorSize, end) - start)
      if (run.set) await this.#file.read(data + from - start, piece, options)
      else await this.#readBelow(block * blockSize + from, piece, options)
    }
  }

  /** What the parent has; zeros without one, and beyond its end. */
  async #readBelow(offset: number, into: Uint8Array, options?: IoOptions): Promise<void> {
    const length = Math.max(0, Math.min(into.length, (this.#parent?.size ?? 0) - offset))
    into.fill(0, length)
    if (this.#parent && length > 0) await this.#parent.read(offset, into.subarray(0, length), options)
  }

  async #bitmap(sparse: SparseStructure, block: number): Promise<BlockBitmap> {
    const known = this.#bitmaps.get(block)
    if (known) return known
    const bytes = new Uint8Array(sparse.bitmapSize)
    await this.#file.read((sparse.table[block] ?? 0) * sectorSize, bytes)
    const sectors = Math.min(sparse.header.blockSize, this.size - block * sparse.header.blockSize) / sectorSize
    const [first] = bitRuns(bytes, 0, sectors)
    const bitmap = first?.set && first.end === sectors ? 'full' : bytes
    if (this.#bitmaps.size >= mostBitmaps) this.#bitmaps.delete(this.#bitmaps.keys().next().value ?? block)
    this.#bitmaps.set(block, bitmap)
    return bitmap
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
    await this.#parent?.[Symbol.asyncDispose]()
  }
}

/** The ranges of the disk whose blocks are in the file. */
function* presentBlocks(sparse: SparseStructure, size: number): Generator<Range> {
  const { blockSize } = sparse.header
  for (let block = 0; block < sparse.table.length; block++) {
    const offset = block * blockSize
    if (isPresent(sparse.table[block])) yield { offset, length: Math.min(blockSize, size - offset) }
  }
}

function* setRanges(bitmap: Uint8Array, offset: number, length: number): Generator<Range> {
  for (const { start, end, set } of bitRuns(bitmap, 0, length / sectorSize)) {
    if (set) yield { offset: offset + start * sectorSize, length: (end - start) * sectorSize }
  }
}

/** Own ranges, and between them those of the parent. */
async function* mergeRanges(
  own: AsyncIterable<Range>,
  parent: DiskImage,
  size: number,
  options: ExtentOptions = {},
): AsyncGenerator<Range> {
  await using below = new ExtentCursor(parent, options)
  const between = async function* (from: number, to: number): AsyncGenerator<Range> {
    for (let range = await below.first(from, to); range;) {
      yield range
      range = await below.first(range.offset + range.length, to)
    }
  }
  let end = 0
  for await (const range of own) {
    yield* between(end, range.offset)
    yield range
    end = range.offset + range.length
  }
  yield* between(end, size)
}
