import { alignUp, viewOf } from '@nixen/core'
import { openLocalFileForWriting, type DiskFile } from '@nixen/disk'
import { blockSize, sectorSize, type Layer, type LayerParent, type SectorMap } from '../file-sr/layer.ts'
import { smError } from '../sm-errors.ts'

// QEMU's docs/interop/qcow2.txt, version 3. All numbers are big endian.

export const clusterSize: number = 64 * 1024
const magic = 0x5146_49fb
const page = 4096
const headerLength = 104
/** Entries of a second table, and of a block of reference counts of 16 bits. */
const tableEntries: number = clusterSize / 8
const countEntries: number = clusterSize / 2
/** "Reference count is exactly one" of a table entry, and where the cluster is. */
const copied = 1n << 63n
const offsetMask = 0x00ff_ffff_ffff_fe00n
const backingFormatExtension = 0xe279_2aca
/** Ours: the image is only a parent of others. Programs pass over what they do not know. */
const hiddenExtension = 0x4e49_5848
/** Room in the tables, so that a disk can grow: the tables are holes of the file until they are used. */
const leastCapacity: number = 2 * 1024 ** 4

interface Layout {
  readonly capacity: number
  /** First clusters of the parts; the header is cluster 0. */
  readonly countTable: number
  readonly countTableClusters: number
  readonly counts: number
  readonly l1: number
  readonly l2: number
  readonly tables: number
  /** First cluster for data. */
  readonly data: number
}

function layoutFor(size: number): Layout {
  const capacity = Math.max(leastCapacity, 2 * size)
  const clusters = Math.ceil(capacity / clusterSize)
  const tables = Math.ceil(clusters / tableEntries)
  const l1Clusters = Math.ceil((tables * 8) / clusterSize)
  let counts = 1
  let countTableClusters = 1
  for (;;) {
    const all = 1 + countTableClusters + counts + l1Clusters + tables + clusters
    const needed = Math.ceil(all / countEntries)
    const neededTable = Math.ceil((needed * 8) / clusterSize)
    if (needed === counts && neededTable === countTableClusters) break
    counts = needed
    countTableClusters = neededTable
  }
  const l1 = 1 + countTableClusters + counts
  const l2 = l1 + l1Clusters
  return {
    capacity,
    countTable: 1,
    countTableClusters,
    counts: 1 + countTableClusters,
    l1,
    l2,
    tables,
    data: l2 + tables,
  }
}

/** What the first page says. */
interface Front {
  readonly size: number
  readonly hidden: boolean
  readonly parent: LayerParent | undefined
  /** Size that the layout was made for. */
  readonly layout: Layout
}

function encodeFront({ size, hidden, parent, layout }: Front): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(page)
  const view = viewOf(bytes)
  const name = Buffer.from(parent?.name ?? '')
  view.setUint32(0, magic)
  view.setUint32(4, 3)
  view.setUint32(20, 16)
  view.setBigUint64(24, BigInt(size))
  view.setUint32(36, layout.tables)
  view.setBigUint64(40, BigInt(layout.l1 * clusterSize))
  view.setBigUint64(48, BigInt(layout.countTable * clusterSize))
  view.setUint32(56, layout.countTableClusters)
  view.setUint32(96, 4)
  view.setUint32(100, headerLength)
  let at = headerLength
  const extension = (type: number, data: Uint8Array): void => {
    view.setUint32(at, type)
    view.setUint32(at + 4, data.length)
    bytes.set(data, at + 8)
    at += 8 + alignUp(data.length, 8)
  }
  if (parent) extension(backingFormatExtension, Buffer.from('qcow2'))
  // The capacity, which the layout follows from, and whether it is hidden.
  const own = Buffer.alloc(16)
  own.writeBigUInt64BE(BigInt(layout.capacity), 0)
  own[8] = hidden ? 1 : 0
  extension(hiddenExtension, own)
  at += 8
  if (parent) {
    view.setBigUint64(8, BigInt(at))
    view.setUint32(16, name.length)
    bytes.set(name, at)
  }
  return bytes
}

function decodeFront(bytes: Uint8Array, path: string): Front {
  const view = viewOf(bytes)
  if (view.getUint32(0) !== magic || view.getUint32(4) !== 3 || view.getUint32(20) !== 16) {
    throw smError('VDILoad', `${path} is no qcow2 of this SR`)
  }
  const size = Number(view.getBigUint64(24))
  let own: Buffer | undefined
  for (let at = headerLength; at + 8 <= page;) {
    const [type, length] = [view.getUint32(at), view.getUint32(at + 4)]
    if (type === 0 || length > page) break
    if (type === hiddenExtension) own = Buffer.from(bytes.subarray(at + 8, at + 8 + length))
    at += 8 + alignUp(length, 8)
  }
  if (!own || own.length < 16) throw smError('VDILoad', `${path} was made by another program; import it`)
  const layout = layoutFor(Number(own.readBigUInt64BE(0)) / 2)
  const [start, length] = [Number(view.getBigUint64(8)), view.getUint32(16)]
  const name = Buffer.from(bytes.subarray(start, start + length)).toString()
  return { size, hidden: own[8] === 1, layout, parent: length > 0 ? { name, uuid: '' } : undefined }
}

/** Reads the first page of a qcow2 of an SR. */
export async function readQcow2Front(file: DiskFile): Promise<Pick<Front, 'size' | 'hidden' | 'parent'>> {
  const bytes = new Uint8Array(page)
  await file.read(0, bytes)
  return decodeFront(bytes, file.path)
}

/** Writes an image without data into an empty file. Leaves durability to the caller. */
export async function formatQcow2(
  file: DiskFile,
  { size, parent }: { size: number; parent?: LayerParent | undefined },
): Promise<void> {
  const layout = layoutFor(size)
  const l1 = new Uint8Array(layout.tables * 8)
  for (let i = 0; i < layout.tables; i++) viewOf(l1).setBigUint64(i * 8, BigInt((layout.l2 + i) * clusterSize) | copied)
  const table = new Uint8Array((layout.l1 - layout.counts) * 8)
  for (let i = 0; i < table.length / 8; i++)
    viewOf(table).setBigUint64(i * 8, BigInt((layout.counts + i) * clusterSize))
  const counts = new Uint8Array(layout.data * 2)
  for (let i = 0; i < layout.data; i++) counts[i * 2 + 1] = 1
  await file.truncate(layout.data * clusterSize)
  await file.write(layout.countTable * clusterSize, table)
  await file.write(layout.counts * clusterSize, counts)
  await file.write(layout.l1 * clusterSize, l1)
  await file.write(0, encodeFront({ size, hidden: false, parent, layout }))
}

/** Opens a qcow2 of an SR to be read and written in place. */
export async function openQcow2Layer(path: string): Promise<Layer> {
  const file = await openLocalFileForWriting(path, { direct: false })
  try {
    const bytes = new Uint8Array(page)
    await file.read(0, bytes)
    const front = decodeFront(bytes, path)
    return new Qcow2Layer(file, front, {
      tables: await readTables(file, front),
      end: alignUp(await file.size(), clusterSize),
    })
  } catch (error) {
    await file[Symbol.asyncDispose]()
    throw error
  }
}

/** The second tables that hold something, by number: cluster of the file for each cluster of the disk, 0 for none. */
async function readTables(file: DiskFile, { layout }: Front): Promise<Map<number, Float64Array>> {
  const tables = new Map<number, Float64Array>()
  const end = layout.data * clusterSize
  for (let at = layout.l2 * clusterSize; at < end;) {
    const data = await file.nextData(at, end - at)
    if (!data || data.offset >= end) break
    const number = Math.floor(data.offset / clusterSize) - layout.l2
    const bytes = new Uint8Array(clusterSize)
    await file.read((layout.l2 + number) * clusterSize, bytes)
    const view = viewOf(bytes)
    tables.set(
      number,
      Float64Array.from({ length: tableEntries }, (_, i) => Number(view.getBigUint64(i * 8) & offsetMask)),
    )
    at = (layout.l2 + number + 1) * clusterSize
  }
  return tables
}

/** A cluster becomes part of the disk in the order data, reference count, table: a crash between leaves it unused at worst. */
class Qcow2Layer implements Layer {
  readonly uuid = ''
  readonly granule = clusterSize
  readonly #file: DiskFile
  readonly #tables: Map<number, Float64Array>
  #front: Front
  #end: number

  constructor(file: DiskFile, front: Front, { tables, end }: { tables: Map<number, Float64Array>; end: number }) {
    this.#file = file
    this.#front = front
    this.#tables = tables
    this.#end = end
  }

  get size(): number {
    return this.#front.size
  }
  get parent(): LayerParent | undefined {
    return this.#front.parent
  }

  #at(cluster: number): number {
    return this.#tables.get(Math.floor(cluster / tableEntries))?.[cluster % tableEntries] ?? 0
  }

  has(block: number): boolean {
    const first = block * (blockSize / clusterSize)
    for (let i = 0; i < blockSize / clusterSize; i++) if (this.#at(first + i) !== 0) return true
    return false
  }

  *presentBlocks(): Iterable<number> {
    const perTable = (tableEntries * clusterSize) / blockSize
    for (const table of [...this.#tables.keys()].toSorted((a, b) => a - b)) {
      for (let i = 0; i < perTable; i++) if (this.has(table * perTable + i)) yield table * perTable + i
    }
  }

  async map(block: number): Promise<SectorMap | undefined> {
    const per = blockSize / clusterSize
    const bytes = clusterSize / sectorSize / 8
    const map = new Uint8Array(per * bytes)
    let present = 0
    for (let i = 0; i < per; i++) {
      if (this.#at(block * per + i) === 0) continue
      map.fill(0xff, i * bytes, (i + 1) * bytes)
      present++
    }
    return present === 0 ? undefined : present === per ? 'all' : map
  }

  async read(block: number, start: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length;) {
      const offset = block * blockSize + start + done
      const part = into.subarray(done, done + clusterSize - (offset % clusterSize))
      await this.#file.read(this.#at(Math.floor(offset / clusterSize)) + (offset % clusterSize), part)
      done += part.length
    }
  }

  /** Whole clusters; the last one of the disk may be shorter. */
  async write(block: number, start: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; done += clusterSize) {
      const cluster = Math.floor((block * blockSize + start + done) / clusterSize)
      await this.#writeCluster(cluster, bytes.subarray(done, done + clusterSize))
    }
  }

  async #writeCluster(cluster: number, bytes: Uint8Array): Promise<void> {
    const known = this.#at(cluster)
    if (known !== 0) return await this.#file.write(known, bytes)
    const at = this.#end
    this.#end += clusterSize
    const { layout } = this.#front
    await this.#file.write(at, bytes, new Uint8Array(clusterSize - bytes.length))
    await this.#file.write(layout.counts * clusterSize + (at / clusterSize) * 2, Uint8Array.of(0, 1))
    const entry = new Uint8Array(8)
    viewOf(entry).setBigUint64(0, BigInt(at) | copied)
    await this.#file.write(layout.l2 * clusterSize + cluster * 8, entry)
    const number = Math.floor(cluster / tableEntries)
    const table = this.#tables.get(number) ?? new Float64Array(tableEntries)
    table[cluster % tableEntries] = at
    this.#tables.set(number, table)
  }

  async setHidden(hidden: boolean): Promise<void> {
    await this.#writeFront({ ...this.#front, hidden })
  }

  async setParent(parent: LayerParent | undefined): Promise<void> {
    await this.#writeFront({ ...this.#front, parent })
  }

  async grow(size: number): Promise<void> {
    if (size > this.#front.layout.capacity)
      throw smError('VDISize', `This qcow2 has room for ${this.#front.layout.capacity} bytes`)
    await this.#writeFront({ ...this.#front, size })
  }

  async #writeFront(front: Front): Promise<void> {
    await this.#file.write(0, encodeFront(front))
    await this.#file.sync()
    this.#front = front
  }

  async sync(): Promise<void> {
    await this.#file.sync()
  }

  async allocated(): Promise<number> {
    return (await this.#file.allocated()) ?? 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }
}
