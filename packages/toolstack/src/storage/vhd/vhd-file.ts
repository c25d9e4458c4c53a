import { alignUp, viewOf } from '@nixen/core'
import {
  absent,
  bitmapSize,
  checksumOf,
  decodeFooter,
  decodeHeader,
  decodeTable,
  encodeFooter,
  encodeHeader,
  encodeLocator,
  encodeTable,
  footerSize,
  headerSize,
  isPresent,
  openLocalFileForWriting,
  parentNames,
  sectorSize,
  setBits,
  tableSize,
  usualBlockSize,
  type DiskFile,
  type VhdFooter,
} from '@nixen/disk'
import { Locks } from '../locks.ts'
import { smError } from '../sm-errors.ts'

export const vhdBlockSize: number = usualBlockSize
const bitmapBytes: number = bitmapSize(usualBlockSize)
const page = 4096
/** Each block starts on a page: the last sector before the data is its bitmap, the rest of that page is padding. */
const stride: number = page + usualBlockSize
/** `hidden` of the footer, an extension of Xen's: the image is only a parent of others. */
const hiddenAt = 85
const checksumAt = 64
/** Our own files have the parent's names here, so that one write of the first page changes the parent. */
const locatorsAt: number = footerSize + headerSize
/** Bitmaps that are kept of one file. */
const mostBitmaps = 4096

/** The image below, as a file names it. */
export interface VhdParent {
  /** File name in the same directory. */
  readonly name: string
  /** 32 hexadecimal digits, of its footer. */
  readonly uuid: string
}

/** Which sectors of a block are in the file. */
export type BlockMap = 'all' | Uint8Array

/**
 * One VHD file that is written in place. The first page (footer copy, header, names of the parent) is the truth about the disk and is
 * always written as a whole. A block is made in the order footer at the new end, data and bitmap, block table, in a place where nothing was
 * before: a crash at any point leaves a file that reads as before the write, or after it.
 */
export class VhdFile implements AsyncDisposable {
  readonly granule: number = sectorSize
  readonly #file: DiskFile
  #footer: VhdFooter
  #hidden: boolean
  #parent: VhdParent | undefined
  #table: Uint32Array
  #tableOffset: number
  /** Where the next block's page goes, and the footer is. */
  #end: number
  readonly #maps = new Map<number, BlockMap>()
  readonly #blocks = new Locks<number>()

  private constructor(
    file: DiskFile,
    state: {
      footer: VhdFooter
      hidden: boolean
      parent: VhdParent | undefined
      table: Uint32Array
      at: number
      end: number
    },
  ) {
    this.#file = file
    this.#footer = state.footer
    this.#hidden = state.hidden
    this.#parent = state.parent
    this.#table = state.table
    this.#tableOffset = state.at
    this.#end = state.end
  }

  /** Opens a dynamic or differencing VHD; `disk.corrupt` and others of the format. */
  static async open(path: string): Promise<VhdFile> {
    const file = await openLocalFileForWriting(path, { direct: false })
    try {
      return await VhdFile.#read(file)
    } catch (error) {
      await file[Symbol.asyncDispose]()
      throw error
    }
  }

  static async #read(file: DiskFile): Promise<VhdFile> {
    const { footer, hidden, header } = await readFront(file)
    const entries = new Uint8Array(header.blocks * 4)
    await file.read(header.tableOffset, entries)
    const [name] = footer.type === 'differencing' ? await parentNames(file, header) : []
    return new VhdFile(file, {
      footer,
      hidden,
      parent: name === undefined ? undefined : { name: name.replace(/^\.\//, ''), uuid: header.parentUuid },
      table: decodeTable(entries),
      at: header.tableOffset,
      // The footer at the end may be missing after a crash, and is written again.
      end: alignUp((await file.size()) - footerSize, page),
    })
  }

  /** Writes an image without blocks into an empty file. Leaves durability to the caller. */
  static async format(
    file: DiskFile,
    disk: { size: number; uuid: string; parent?: VhdParent | undefined },
  ): Promise<void> {
    const blocks = Math.ceil(disk.size / usualBlockSize)
    const footer = footerOf(disk)
    const bytes = encodeFooter(footer)
    const end = alignUp(page + tableSize(blocks), page)
    await file.write(0, firstPage(bytes, { parent: disk.parent, blocks, tableOffset: page }))
    await file.write(page, encodeTable(new Uint32Array(blocks).fill(absent)))
    await file.write(end, bytes)
  }

  get path(): string {
    return this.#file.path
  }
  /** Virtual size in bytes. */
  get size(): number {
    return this.#footer.size
  }
  get uuid(): string {
    return this.#footer.uuid
  }
  get hidden(): boolean {
    return this.#hidden
  }
  get parent(): VhdParent | undefined {
    return this.#parent
  }

  /** Numbers of the blocks that are in the file, ascending. */
  *presentBlocks(): Generator<number> {
    for (let block = 0; block < this.#table.length; block++) if (isPresent(this.#table[block])) yield block
  }

  has(block: number): boolean {
    return isPresent(this.#table[block])
  }

  /** Which sectors of a block are in the file; `undefined` for none. */
  async map(block: number): Promise<BlockMap | undefined> {
    const entry = this.#table[block]
    if (!isPresent(entry)) return undefined
    const known = this.#maps.get(block)
    if (known) return known
    const bytes = new Uint8Array(bitmapBytes)
    await this.#file.read(entry * sectorSize, bytes)
    // It may have been read by two at once, and changed by a write in between.
    const again = this.#maps.get(block)
    if (again) return again
    return this.#keep(block, this.#isAll(block, bytes) ? 'all' : bytes)
  }

  /** Reads sectors of a block that is present, whether its bitmap says so or not. `start` is in bytes from the block's start. */
  async read(block: number, start: number, into: Uint8Array): Promise<void> {
    const entry = this.#table[block] ?? absent
    await this.#file.read(entry * sectorSize + bitmapBytes + start, into)
  }

  /** Writes whole sectors within one block. */
  async write(block: number, start: number, bytes: Uint8Array): Promise<void> {
    await this.#blocks.run(block, async () => {
      if (isPresent(this.#table[block])) await this.#overwrite(block, start, bytes)
      else await this.#allocate(block, start, bytes)
    })
  }

  async #overwrite(block: number, start: number, bytes: Uint8Array): Promise<void> {
    const at = (this.#table[block] ?? absent) * sectorSize
    const before = await this.map(block)
    await this.#file.write(at + bitmapBytes + start, bytes)
    if (before === 'all' || before === undefined) return
    const map = before.slice()
    setBits(map, start / sectorSize, (start + bytes.length) / sectorSize)
    await this.#file.write(at, map)
    this.#keep(block, this.#isAll(block, map) ? 'all' : map)
  }

  async #allocate(block: number, start: number, bytes: Uint8Array): Promise<void> {
    const at = this.#end + page - bitmapBytes
    this.#end += stride
    const map = new Uint8Array(bitmapBytes)
    setBits(map, start / sectorSize, (start + bytes.length) / sectorSize)
    // The new end first, so that the file has a footer at its end at any time; the old one stays in the padding.
    await this.#file.write(this.#end, this.#footerBytes())
    if (start === 0) await this.#file.write(at, map, bytes)
    else {
      await this.#file.write(at, map)
      await this.#file.write(at + bitmapBytes + start, bytes)
    }
    const entry = new Uint8Array(4)
    viewOf(entry).setUint32(0, at / sectorSize)
    await this.#file.write(this.#tableOffset + block * 4, entry)
    this.#keep(block, this.#isAll(block, map) ? 'all' : map)
    this.#table[block] = at / sectorSize
  }

  /** Names another parent, or none; `hidden` is left as it is. */
  async setParent(parent: VhdParent | undefined): Promise<void> {
    this.#footer = { ...this.#footer, type: parent ? 'differencing' : 'dynamic' }
    this.#parent = parent
    await this.#writeFront()
  }

  /** Marks the image as only a parent of others, or as a disk. */
  async setHidden(hidden: boolean): Promise<void> {
    this.#hidden = hidden
    await this.#writeFront()
  }

  /** Grows the disk. A table that has no room goes to the end of the file. */
  async grow(size: number): Promise<void> {
    const blocks = Math.ceil(size / usualBlockSize)
    if (blocks > this.#table.length) {
      const table = new Uint32Array(blocks).fill(absent)
      table.set(this.#table)
      // An old footer may lie in the first page.
      const at = this.#end + page
      this.#end = alignUp(at + tableSize(blocks), page)
      const footer = { ...this.#footer, size }
      await this.#file.write(this.#end, this.#footerBytes(footer))
      await this.#file.write(at, encodeTable(table))
      await this.#file.sync()
      this.#table = table
      this.#tableOffset = at
    }
    this.#footer = { ...this.#footer, size }
    // The last block was perhaps shorter, and "all" of it less.
    this.#maps.clear()
    await this.#writeFront()
  }

  async sync(): Promise<void> {
    await this.#file.sync()
  }

  /** Bytes that the file takes. */
  async allocated(): Promise<number> {
    return (await this.#file.allocated()) ?? (await this.#file.size())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }

  async #writeFront(): Promise<void> {
    let locators = locatorsAt
    if (this.#tableOffset < page) {
      // Another program's layout has the table in the first page: the names go to the end.
      locators = this.#end + page
      this.#end = locators + page
      await this.#file.write(locators, locatorSectors(this.#parent))
    }
    const footer = this.#footerBytes()
    await this.#file.write(this.#end, footer)
    const front = firstPage(footer, {
      parent: this.#parent,
      blocks: this.#table.length,
      tableOffset: this.#tableOffset,
      locators,
    })
    await this.#file.write(0, front.subarray(0, this.#tableOffset < page ? locatorsAt : page))
    await this.#file.sync()
  }

  #footerBytes(footer: VhdFooter = this.#footer): Uint8Array {
    const bytes = encodeFooter(footer)
    if (this.#hidden) {
      bytes[hiddenAt] = 1
      viewOf(bytes).setUint32(checksumAt, checksumOf(bytes, checksumAt))
    }
    return bytes
  }

  #isAll(block: number, map: Uint8Array): boolean {
    const sectors = Math.ceil(Math.min(usualBlockSize, this.size - block * usualBlockSize) / sectorSize)
    const whole = sectors >> 3
    for (let i = 0; i < whole; i++) if (map[i] !== 0xff) return false
    const rest = (0xff00 >> (sectors & 7)) & 0xff
    return ((map[whole] ?? 0) & rest) === rest
  }

  #keep(block: number, map: BlockMap): BlockMap {
    if (this.#maps.size >= mostBitmaps) this.#maps.delete(this.#maps.keys().next().value ?? block)
    this.#maps.set(block, map)
    return map
  }
}

/** What the first page of a VHD says, without opening it for I/O. */
export async function readFront(
  file: DiskFile,
): Promise<{ footer: VhdFooter; hidden: boolean; header: ReturnType<typeof decodeHeader> }> {
  const bytes = new Uint8Array(footerSize)
  await file.read(0, bytes)
  const footer = decodeFooter(bytes, file.path, 0)
  if (footer.headerOffset === undefined) throw smError('VDILoad', `${file.path} is a fixed VHD`)
  const header = new Uint8Array(headerSize)
  await file.read(footer.headerOffset, header)
  return {
    footer,
    hidden: bytes[hiddenAt] === 1,
    header: decodeHeader(header, { path: file.path, at: footer.headerOffset, size: footer.size }),
  }
}

function footerOf({ size, uuid, parent }: { size: number; uuid: string; parent?: VhdParent | undefined }): VhdFooter {
  return {
    type: parent ? 'differencing' : 'dynamic',
    size,
    headerOffset: footerSize,
    time: Date.now(),
    // As blktap's own: the size counts then, not the geometry.
    creator: 'tap\0',
    uuid,
  }
}

function locatorSectors(parent: VhdParent | undefined): Uint8Array {
  const sectors = new Uint8Array(2 * sectorSize)
  if (!parent) return sectors
  sectors.set(encodeLocator('W2ru', parent.name).subarray(0, sectorSize), 0)
  sectors.set(encodeLocator('MacX', parent.name).subarray(0, sectorSize), sectorSize)
  return sectors
}

function firstPage(
  footer: Uint8Array,
  front: { parent: VhdParent | undefined; blocks: number; tableOffset: number; locators?: number },
): Uint8Array {
  const { parent, blocks, tableOffset, locators = locatorsAt } = front
  const bytes = new Uint8Array(page)
  bytes.set(footer, 0)
  const entries = (parent ? (['W2ru', 'MacX'] as const) : []).map((platform, index) => ({
    platform,
    offset: locators + index * sectorSize,
    length: encodeLocator(platform, parent?.name ?? '').length,
  }))
  bytes.set(
    encodeHeader({
      tableOffset,
      blocks,
      blockSize: usualBlockSize,
      parentUuid: parent?.uuid ?? '0'.repeat(32),
      parentName: parent?.name ?? '',
      locators: entries,
    }),
    footerSize,
  )
  if (locators === locatorsAt) bytes.set(locatorSectors(parent), locatorsAt)
  return bytes
}
