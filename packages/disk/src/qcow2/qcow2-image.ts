import { isAppError } from '@nixen/core'
import type { Extent, ExtentOptions, IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import { checkRange, ExtentCursor, joinExtents } from '../extents.ts'
import { checkWithin, type DiskFile } from '../file.ts'
import type { DiskImage, ImageInfo, OpenImageOptions } from '../format.ts'
import { decompressCluster } from './codec.ts'
import { EntryTable, type Mapping } from './entries.ts'
import { readHeader, type Qcow2Header } from './header.ts'

/** Opens a qcow2 with its backing files. Internal snapshots are left alone: the disk is what a guest would see now. */
export async function openQcow2(file: DiskFile, options: OpenImageOptions = {}): Promise<DiskImage> {
  const header = await readHeader(file)
  const l1 = await readL1(file, header)
  const { backing } = header
  if (!backing || options.alone) return new Qcow2Image(file, { header, l1, parent: undefined })
  if (!options.openParent) throw diskErrors.parent_missing({ path: file.path, reference: backing.name })
  const parent = await options.openParent({
    references: [backing.name],
    from: file,
    format: backing.format === undefined ? undefined : formatName(backing.format),
  })
  return new Qcow2Image(file, { header, l1, parent })
}

/** QEMU calls VHD `vpc`. */
function formatName(name: string): string {
  return name === 'vpc' ? 'vhd' : name
}

/** Reads the first table and tests that each second table belongs to one entry: otherwise a small file could claim endless data. */
export async function readL1(file: DiskFile, header: Qcow2Header): Promise<EntryTable> {
  const { size, clusterSize } = header
  const needed = Math.ceil(size / (clusterSize * (clusterSize / 8)))
  checkWithin(file.path, await file.size(), { offset: header.l1Offset, length: needed * 8 })
  const bytes = new Uint8Array(needed * 8)
  await file.read(header.l1Offset, bytes)
  const l1 = new EntryTable(bytes)
  checkL1(l1, header, { path: file.path, fileSize: await file.size() })
  return l1
}

/** `disk.corrupt` unless the entries of a first table are places of different clusters. */
export function checkL1(
  l1: EntryTable,
  header: Qcow2Header,
  { path, fileSize }: { path: string; fileSize: number },
): void {
  const corrupt = (what: string, index: number): Error =>
    diskErrors.corrupt({ path, what, offset: header.l1Offset + index * 8 })
  const offsets = new Float64Array(countUsed(l1))
  let count = 0
  for (let index = 0; index < l1.length; index++) {
    const offset = l1.offset(index)
    if (offset === 0) continue
    if (offset % header.clusterSize !== 0) throw corrupt('a second table is not where a cluster begins', index)
    if (offset >= fileSize) throw corrupt('a second table is beyond the end of the file', index)
    offsets[count++] = offset
  }
  const sorted = offsets.subarray(0, count).sort()
  for (let i = 1; i < count; i++)
    if (sorted[i] === sorted[i - 1]) throw corrupt('two parts of the disk share a table', 0)
}

function countUsed(l1: EntryTable): number {
  let count = 0
  for (let index = 0; index < l1.length; index++) if (!l1.isEmpty(index)) count++
  return count
}

interface Parts {
  readonly header: Qcow2Header
  readonly l1: EntryTable
  readonly parent: DiskImage | undefined
}

/** A range of the disk that is in one place. */
interface Segment {
  readonly offset: number
  readonly length: number
  readonly at: Mapping
}

/** Second tables that are kept, in bytes: 16 MiB cover 128 GiB of a disk with clusters of 64 KiB. */
const tableMemory = 16 * 1024 * 1024

class Qcow2Image implements DiskImage {
  readonly size: number
  readonly info: ImageInfo
  readonly #file: DiskFile
  readonly #header: Qcow2Header
  readonly #l1: EntryTable
  readonly #parent: DiskImage | undefined
  readonly #tables = new Map<number, Promise<EntryTable>>()

  constructor(file: DiskFile, { header, l1, parent }: Parts) {
    this.#file = file
    this.#header = header
    this.#l1 = l1
    this.#parent = parent
    this.size = header.size
    this.info = describeQcow2(header, parent?.info)
  }

  extents({ signal, since }: ExtentOptions = {}): AsyncIterable<Extent> {
    if (since !== undefined) throw diskErrors.changes_unknown({ path: this.#file.path, since })
    return joinExtents(this.#walk(signal))
  }

  async *#walk(signal: AbortSignal | undefined): AsyncGenerator<Extent> {
    await using below = this.#parent && new ExtentCursor(this.#parent, { signal })
    const covered = this.#header.clusterSize * (this.#header.clusterSize / 8)
    for (let index = 0; index < this.#l1.length; index++) {
      signal?.throwIfAborted()
      const offset = index * covered
      const length = Math.min(covered, this.size - offset)
      const segments =
        this.#l1.offset(index) === 0
          ? [{ offset, length, at: { kind: 'below' } as const }]
          : await this.#locate(offset, length)
      for (const segment of segments) {
        const { at } = segment
        if (at.kind === 'below') yield* this.#below(below, segment)
        else yield { offset: segment.offset, length: segment.length, kind: at.kind === 'zero' ? 'zero' : 'data' }
      }
    }
  }

  async *#below(
    cursor: ExtentCursor | undefined,
    { offset, length }: { offset: number; length: number },
  ): AsyncGenerator<Extent> {
    let end = offset
    for (let data = await cursor?.first(offset, offset + length); data;) {
      if (data.offset > end) yield { offset: end, length: data.offset - end, kind: 'zero' }
      yield { ...data, kind: 'data' }
      end = data.offset + data.length
      data = await cursor?.first(end, offset + length)
    }
    if (end < offset + length) yield { offset: end, length: offset + length - end, kind: 'zero' }
  }

  async read(offset: number, into: Uint8Array, options: IoOptions = {}): Promise<void> {
    checkRange(this.size, offset, into.length)
    const segments = await this.#locate(offset, into.length)
    await Promise.all(
      segments.map((segment) => {
        const start = segment.offset - offset
        return this.#readSegment(segment, into.subarray(start, start + segment.length), options)
      }),
    )
  }

  async #readSegment({ offset, at }: Segment, into: Uint8Array, options: IoOptions): Promise<void> {
    switch (at.kind) {
      case 'zero':
        into.fill(0)
        return
      case 'below':
        return await this.#readBelow(offset, into, options)
      case 'data':
        return await this.#readData(at.host + (offset % this.#header.clusterSize), into, options)
      case 'compressed': {
        const cluster = await this.#decompress(at, options)
        const start = offset % this.#header.clusterSize
        into.set(cluster.subarray(start, start + into.length))
      }
    }
  }

  async #readBelow(offset: number, into: Uint8Array, options: IoOptions): Promise<void> {
    const length = Math.max(0, Math.min(into.length, (this.#parent?.size ?? 0) - offset))
    into.fill(0, length)
    if (this.#parent && length > 0) await this.#parent.read(offset, into.subarray(0, length), options)
  }

  async #readData(host: number, into: Uint8Array, options: IoOptions): Promise<void> {
    try {
      await this.#file.read(host, into, options)
    } catch (error) {
      if (!isAppError(error, 'disk.truncated')) throw error
      // QEMU ends a file where it last wrote: the rest of the last cluster reads as zeros.
      const there = (await this.#file.size()) - host
      if (there <= into.length - this.#header.clusterSize || there <= 0) throw error
      await this.#file.read(host, into.subarray(0, there), options)
      into.fill(0, there)
    }
  }

  async #decompress({ host, length }: { host: number; length: number }, options: IoOptions): Promise<Uint8Array> {
    const size = await this.#file.size()
    if (host >= size) throw diskErrors.truncated({ path: this.#file.path, expected: host + length, received: size })
    // The length is rounded up to sectors, and the file may end before.
    const bytes = new Uint8Array(Math.min(length, size - host))
    await this.#file.read(host, bytes, options)
    const cluster = await decompressCluster(bytes, this.#header.compression, this.#header.clusterSize)
    if (!cluster)
      throw diskErrors.corrupt({
        path: this.#file.path,
        what: 'a compressed cluster does not decompress',
        offset: host,
      })
    return cluster
  }

  /** Where a range is, in as few segments as its clusters allow. */
  async #locate(offset: number, length: number): Promise<Segment[]> {
    const { clusterSize, clusterBits } = this.#header
    const perTable = clusterSize / 8
    const segments: { offset: number; length: number; at: Mapping; next: number }[] = []
    for (let at = offset; at < offset + length;) {
      const cluster = Math.floor(at / clusterSize)
      const l1Index = Math.floor(cluster / perTable)
      const tableEnd = Math.min((l1Index + 1) * perTable * clusterSize, offset + length)
      const table = this.#l1.offset(l1Index) === 0 ? undefined : await this.#table(l1Index)
      const where = { path: this.#file.path, tableOffset: this.#l1.offset(l1Index) }
      while (at < tableEnd) {
        const end = table ? Math.min((Math.floor(at / clusterSize) + 1) * clusterSize, tableEnd) : tableEnd
        const mapping = table
          ? table.mapping(Math.floor(at / 2 ** clusterBits) % perTable, this.#header, where)
          : { kind: 'below' as const }
        const last = segments.at(-1)
        const next = mapping.kind === 'data' ? mapping.host + clusterSize : 0
        if (
          last &&
          last.at.kind === mapping.kind &&
          mapping.kind !== 'compressed' &&
          (mapping.kind !== 'data' || mapping.host === last.next)
        ) {
          last.length += end - at
          last.next = next
        } else {
          segments.push({ offset: at, length: end - at, at: mapping, next })
        }
        at = end
      }
    }
    return segments
  }

  #table(l1Index: number): Promise<EntryTable> {
    const known = this.#tables.get(l1Index)
    if (known) return known
    const loading = this.#load(l1Index)
    this.#tables.set(l1Index, loading)
    const [oldest] = this.#tables.keys()
    if (oldest !== undefined && this.#tables.size > Math.max(2, tableMemory / this.#header.clusterSize))
      this.#tables.delete(oldest)
    // The next one tries again.
    loading.catch(() => this.#tables.delete(l1Index))
    return loading
  }

  async #load(l1Index: number): Promise<EntryTable> {
    const bytes = new Uint8Array(this.#header.clusterSize)
    await this.#file.read(this.#l1.offset(l1Index), bytes)
    return new EntryTable(bytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
    await this.#parent?.[Symbol.asyncDispose]()
  }
}

/** What the header tells people. */
export function describeQcow2(header: Qcow2Header, parent?: ImageInfo): ImageInfo {
  const { version, clusterSize, compression, snapshots, dirty, backing } = header
  return {
    format: 'qcow2',
    virtualSize: header.size,
    details: { version, clusterSize, compression, snapshots, dirty },
    ...(backing ? { parent: { path: backing.name, info: parent } } : {}),
  }
}
