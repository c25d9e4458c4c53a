import type { ChangeToken, Extent, ExtentOptions, IoOptions } from '../disk-source.ts'
import type { Finding } from '../check.ts'
import { diskErrors } from '../errors.ts'
import { checkRange, withZeros } from '../extents.ts'
import type { DiskFile } from '../file.ts'
import type { DiskFormat, DiskImage, ImageInfo, OpenImageOptions } from '../format.ts'
import { compressionOf } from '../tar/compression.ts'
import { isTarHeader } from '../tar/header.ts'
import { tarFileEntries, type PlacedTarEntry } from '../tar/tar-file.ts'
import { checksumFunction } from './checksum.ts'
import { ChunkPlacer, maxXvaChunk, parseChunkName } from './chunk-name.ts'
import { xvaErrors } from './errors.ts'
import { disksOfOvaXml, maxOvaXml, type XvaDiskInfo } from './ova-xml.ts'
import { readXva } from './read-stream.ts'

/** A VM as XAPI exports it; its first disk, or the one that is named by ref, uuid or name. */
export const xva: DiskFormat = {
  name: 'xva',
  title: 'virtual machine of XenServer and XCP-ng',
  extensions: ['xva'],
  probe: ({ head }) => isTarHeader(head) && new TextDecoder('latin1').decode(head.subarray(0, 8)) === 'ova.xml\0',
  open: (file, options) => openXva(file, options),
  check: (file, options) => checkXva(file, options),
  async decode(stream, options) {
    const reader = await readXva(stream, options)
    for await (const disk of reader.disks())
      return { ...disk, [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose]() }
    await reader[Symbol.asyncDispose]()
    throw xvaErrors.no_disk({ path: options?.name ?? 'The XVA', disk: 'at all', known: [] })
  },
}

/** Where the chunks of one disk are. Two numbers each: a terabyte has a million of them. */
class ChunkIndex {
  readonly placer = new ChunkPlacer()
  /** Offset on the disk, offset in the file and length of each chunk. */
  readonly #chunks: number[] = []

  add(disk: number, file: number, length: number): void {
    this.#chunks.push(disk, file, length)
  }

  /** The first chunk that ends after `offset`. */
  after(offset: number): number {
    let [low, high] = [0, this.#chunks.length / 3]
    while (low < high) {
      const middle = (low + high) >>> 1
      const { disk, length } = this.at(middle)
      if (disk + length <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  get count(): number {
    return this.#chunks.length / 3
  }

  at(index: number): { disk: number; file: number; length: number } {
    const [disk = 0, file = 0, length = 0] = this.#chunks.slice(3 * index, 3 * index + 3)
    return { disk, file, length }
  }
}

async function openXva(file: DiskFile, options: OpenImageOptions = {}): Promise<DiskImage> {
  const entries = tarFileEntries(file, options)
  const disks = await describedDisks(file, entries, options)
  const indexes = new Map<string, ChunkIndex>()
  const wanted = options.disk === undefined ? undefined : findDisk(file.path, disks, options.disk)
  for await (const entry of entries) {
    if (entry.kind === 'directory') continue
    const name = parseChunkName(entry.name)
    if (!name) throw xvaErrors.unexpected({ path: file.path, found: entry.name, expected: 'a chunk of a disk' })
    // Without a wish the first disk with data is meant: only that one needs an index.
    if (wanted ? name.ref !== wanted.ref : indexes.size > 0 && !indexes.has(name.ref)) continue
    if (name.checksum) continue
    const index = indexes.get(name.ref) ?? new ChunkIndex()
    indexes.set(name.ref, index)
    const offset = index.placer.place(name.number, entry.size)
    if (typeof offset === 'string') throw diskErrors.corrupt({ path: file.path, what: `${name.ref}: ${offset}` })
    if (entry.size > 0) index.add(offset, entry.offset, entry.size)
  }
  const [ref, index] = [...indexes][0] ?? [undefined, undefined]
  const disk = wanted ?? disks.find((known) => known.ref === ref)
  if (!disk || !index) throw xvaErrors.no_disk({ path: file.path, disk: ref ?? 'with data', known: namesOf(disks) })
  if (index.placer.end !== disk.size) {
    throw diskErrors.size_mismatch({
      what: `${file.path}, disk ${disk.ref},`,
      size: index.placer.end,
      expected: disk.size,
    })
  }
  return new XvaImage(file, index, { disk, disks })
}

async function describedDisks(
  file: DiskFile,
  entries: AsyncGenerator<PlacedTarEntry>,
  { signal }: IoOptions,
): Promise<XvaDiskInfo[]> {
  const head = new Uint8Array(Math.min(4, await file.size()))
  await file.read(0, head, { signal })
  const compression = compressionOf(head)
  if (compression !== 'none') {
    throw diskErrors.unsupported({
      path: file.path,
      feature: `${compression} compression, which can only be read as a stream`,
    })
  }
  const first = await entries.next()
  if (first.done || first.value.name !== 'ova.xml') {
    throw xvaErrors.not_first({ path: file.path, found: first.value?.name ?? 'nothing' })
  }
  const { size, offset } = first.value
  if (size > maxOvaXml) throw diskErrors.too_large({ path: file.path, what: 'ova.xml', size, limit: maxOvaXml })
  const text = new Uint8Array(size)
  await file.read(offset, text, { signal })
  return disksOfOvaXml(new TextDecoder().decode(text), file.path)
}

function findDisk(path: string, disks: readonly XvaDiskInfo[], wanted: string): XvaDiskInfo {
  const found = disks.find(({ ref, uuid, name }) => [ref, uuid, name].includes(wanted))
  if (!found) throw xvaErrors.no_disk({ path, disk: wanted, known: namesOf(disks) })
  return found
}

function namesOf(disks: readonly XvaDiskInfo[]): string[] {
  return disks.map(({ ref, name }) => `${ref} (${name})`)
}

class XvaImage implements DiskImage {
  readonly size: number
  readonly info: ImageInfo
  readonly #file: DiskFile
  readonly #index: ChunkIndex

  constructor(
    file: DiskFile,
    index: ChunkIndex,
    { disk, disks }: { disk: XvaDiskInfo; disks: readonly XvaDiskInfo[] },
  ) {
    this.#file = file
    this.#index = index
    this.size = disk.size
    const { ref, uuid, name } = disk
    this.info = { format: 'xva', virtualSize: disk.size, details: { disk: ref, uuid, name, disks: disks.length } }
  }

  extents({ since }: ExtentOptions = {}): AsyncIterable<Extent> {
    if (since !== undefined) throw changesUnknown(this.#file.path, since)
    return withZeros(this.#data(), this.size)
  }

  async read(offset: number, into: Uint8Array, options: IoOptions = {}): Promise<void> {
    checkRange(this.size, offset, into.length)
    const end = offset + into.length
    let done = offset
    for (let at = this.#index.after(offset); at < this.#index.count && done < end; at++) {
      const { disk, file, length } = this.#index.at(at)
      if (disk >= end) break
      const start = Math.max(disk, offset)
      const stop = Math.min(disk + length, end)
      into.fill(0, done - offset, start - offset)
      await this.#file.read(file + start - disk, into.subarray(start - offset, stop - offset), options)
      done = stop
    }
    into.fill(0, done - offset)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }

  async *#data(): AsyncGenerator<{ offset: number; length: number }> {
    let run: { offset: number; length: number } | undefined
    for (let at = 0; at < this.#index.count; at++) {
      const { disk, length } = this.#index.at(at)
      if (run && run.offset + run.length === disk) run.length += length
      else {
        if (run) yield run
        run = { offset: disk, length }
      }
    }
    if (run) yield run
  }
}

function changesUnknown(path: string, since: ChangeToken): Error {
  return diskErrors.changes_unknown({ path, since })
}

/** Compares every chunk with its checksum. */
async function* checkXva(file: DiskFile, options: OpenImageOptions = {}): AsyncGenerator<Finding> {
  const hashes = { xxhash: await checksumFunction('xxhash'), sha1: await checksumFunction('sha1') }
  const entries = tarFileEntries(file, options)
  await describedDisks(file, entries, options)
  let [last, buffer]: [PlacedTarEntry | undefined, Uint8Array] = [undefined, new Uint8Array(0)]
  for await (const entry of entries) {
    const name = parseChunkName(entry.name)
    if (name && !name.checksum) last = entry
    if (!name?.checksum || !last || !entry.name.startsWith(last.name)) continue
    if (last.size > maxXvaChunk || entry.size > 1024) {
      yield {
        severity: 'error',
        code: 'size',
        message: `${last.name} is too large to be a chunk.`,
        offset: last.offset,
      }
      continue
    }
    if (buffer.length < last.size) buffer = new Uint8Array(last.size)
    const bytes = buffer.subarray(0, last.size)
    const expected = new Uint8Array(entry.size)
    await file.read(last.offset, bytes, options)
    await file.read(entry.offset, expected, options)
    const text = new TextDecoder('latin1').decode(expected).trim()
    if (hashes[name.checksum](bytes).toLowerCase() === text.toLowerCase()) continue
    yield {
      severity: 'error',
      code: 'checksum',
      message: `${last.name} differs from its checksum.`,
      offset: last.offset,
    }
  }
}
