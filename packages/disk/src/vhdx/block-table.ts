import { MiB, viewOf } from '@nixen/core'
import type { IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import type { VhdxStructure } from './structure.ts'

/** States of a block in the table (MS-VHDX 2.5.1.1). */
export const blockState = { absent: 0, undefined: 1, zero: 2, unmapped: 3, full: 6, partial: 7 } as const

/** Entries that are read and kept together; a table of 64 TiB would not fit in memory. */
const pageEntries = 8192
const keptPages = 256

export interface BlockEntry {
  readonly state: number
  /** Where the block is in the file, in bytes. */
  readonly offset: number
}

/** How many blocks share one block of sector bitmaps: as many as have 2^23 sectors together. */
export function chunkRatio({ sectorSize, blockSize }: { sectorSize: number; blockSize: number }): number {
  return (2 ** 23 * sectorSize) / blockSize
}

/** Entries of the whole table, those of the bitmaps included. */
export function tableEntries(disk: {
  size: number
  sectorSize: number
  blockSize: number
  hasParent: boolean
}): number {
  const blocks = Math.ceil(disk.size / disk.blockSize)
  const ratio = chunkRatio(disk)
  if (disk.hasParent) return Math.ceil(blocks / ratio) * (ratio + 1)
  return blocks === 0 ? 0 : blocks + Math.floor((blocks - 1) / ratio)
}

/** The block table of a file, read page by page. */
export class BlockTable {
  readonly #structure: VhdxStructure
  readonly #ratio: number
  readonly #pages = new Map<number, Promise<DataView>>()

  constructor(structure: VhdxStructure) {
    this.#structure = structure
    this.#ratio = chunkRatio(structure)
    const entries = tableEntries({ ...structure, hasParent: structure.parent !== undefined })
    if (entries * 8 > structure.table.length) {
      const what = `its block table is shorter than the ${entries} entries that its size needs`
      throw diskErrors.corrupt({ path: structure.file.path, what })
    }
  }

  /** The entry of a block of the disk. */
  block(index: number, options?: IoOptions): Promise<BlockEntry> {
    return this.#entry(index + Math.floor(index / this.#ratio), options)
  }

  /** Where the bits of a block's sectors are in the file, in bytes. */
  async bitmapOffset(index: number, options?: IoOptions): Promise<number | undefined> {
    const chunk = Math.floor(index / this.#ratio)
    const entry = await this.#entry(chunk * (this.#ratio + 1) + this.#ratio, options)
    if (entry.state !== blockState.full) return undefined
    return entry.offset + (index % this.#ratio) * (this.#structure.blockSize / this.#structure.sectorSize / 8)
  }

  async #entry(index: number, options?: IoOptions): Promise<BlockEntry> {
    const page = await this.#page(Math.floor(index / pageEntries), options)
    const at = (index % pageEntries) * 8
    const low = page.getUint32(at, true)
    // Bits 20 to 63 are the offset in MiB.
    const offset = (page.getUint32(at + 4, true) * 4096 + (low >>> 20)) * MiB
    return { state: low & 7, offset }
  }

  #page(index: number, options?: IoOptions): Promise<DataView> {
    const known = this.#pages.get(index)
    if (known) return known
    const { file, table } = this.#structure
    const start = index * pageEntries * 8
    const bytes = new Uint8Array(Math.min(pageEntries * 8, table.length - start))
    const loading = file.read(table.offset + start, bytes, options).then(() => viewOf(bytes))
    loading.catch(() => this.#pages.delete(index))
    this.#pages.set(index, loading)
    if (this.#pages.size > keptPages) this.#pages.delete(this.#pages.keys().next().value ?? index)
    return loading
  }
}
