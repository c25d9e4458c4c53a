import { alignUp } from '@nixen/core'
import { alignedBuffers, directAlignment } from '../aligned.ts'
import { setBits } from '../bitmap.ts'
import type { DiskSink } from '../disk-sink.ts'
import type { IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import { checkRange } from '../extents.ts'
import type { DiskFile } from '../file.ts'
import type { CreateImageOptions } from '../format.ts'
import { readSettings } from '../settings.ts'
import { Touched } from '../touched.ts'
import { encodeFooter, footerSize, largestVhd, newVhdUuid, sectorSize, type VhdFooter } from './footer.ts'
import { absent, bitmapSize, encodeHeader, encodeLocator, headerSize, usualBlockSize } from './header.ts'
import { encodeTable, isPresent, tableSize } from './structure.ts'

/** The settings of a VHD that is written. */
export const vhdSettings = {
  /** `differencing` needs the name and the UUID of the parent. */
  subformat: { kind: 'choice', of: ['dynamic', 'fixed', 'differencing'], default: 'dynamic' },
  /** 32 hexadecimal digits; random when left out. */
  uuid: { kind: 'text', default: '' },
  /** File name of the parent, in the same directory. */
  parentName: { kind: 'text', default: '' },
  parentUuid: { kind: 'text', default: '' },
} as const

/** What a VHD is to become, checked. */
export interface VhdPlan {
  readonly footer: VhdFooter
  readonly blocks: number
  readonly parent: { readonly name: string; readonly uuid: string } | undefined
}

/** Checks the size and the settings. */
export function planVhd(size: number, settings: CreateImageOptions['settings']): VhdPlan {
  const given = readSettings('vhd', settings, vhdSettings)
  if (size % sectorSize !== 0) throw diskErrors.bad_size({ size, reason: 'a VHD has whole sectors of 512 bytes' })
  if (size > largestVhd) throw diskErrors.too_large({ path: 'The VHD', what: 'the disk', size, limit: largestVhd })
  for (const setting of ['uuid', 'parentUuid'] as const) {
    if (!/^(?:[0-9a-f]{32})?$/.test(given[setting])) {
      throw diskErrors.bad_setting({ format: 'vhd', setting, reason: 'it is 32 hexadecimal digits' })
    }
  }
  const differencing = given.subformat === 'differencing'
  if (differencing !== (given.parentName !== '' && given.parentUuid !== '')) {
    throw diskErrors.bad_setting({
      format: 'vhd',
      setting: 'subformat',
      reason: '"differencing" goes with the parent\'s name and UUID',
    })
  }
  return {
    footer: {
      type: given.subformat,
      size,
      headerOffset: given.subformat === 'fixed' ? undefined : footerSize,
      time: Date.now(),
      // As XenServer's own: the size counts then, not the geometry.
      creator: 'tap\0',
      uuid: given.uuid || newVhdUuid(),
    },
    blocks: Math.ceil(size / usualBlockSize),
    parent: differencing ? { name: given.parentName, uuid: given.parentUuid } : undefined,
  }
}

/** The parts before the blocks: footer copy, header, block table, and a sector for each locator of the parent. */
export function encodeFront(plan: VhdPlan, table: Uint32Array): Uint8Array[] {
  const tableOffset = footerSize + headerSize
  const locatorsAt = tableOffset + tableSize(plan.blocks)
  const locators = (plan.parent ? (['W2ru', 'MacX'] as const) : []).map((platform, index) => {
    const data = encodeLocator(platform, plan.parent?.name ?? '').subarray(0, sectorSize)
    return { platform, data, offset: locatorsAt + index * sectorSize, length: data.length }
  })
  const header = encodeHeader({
    tableOffset,
    blocks: plan.blocks,
    blockSize: usualBlockSize,
    parentUuid: plan.parent?.uuid ?? '0'.repeat(32),
    parentName: plan.parent?.name ?? '',
    locators,
  })
  const sectors = locators.map(({ data }) => {
    const sector = new Uint8Array(sectorSize)
    sector.set(data)
    return sector
  })
  return [encodeFooter(plan.footer), header, encodeTable(table), ...sectors]
}

/** Bytes of {@link encodeFront}. */
export function frontSize(plan: VhdPlan): number {
  return footerSize + headerSize + tableSize(plan.blocks) + (plan.parent ? 2 * sectorSize : 0)
}

/** A sink that makes a VHD in an empty file. */
export async function createVhd(file: DiskFile, { size, settings }: CreateImageOptions): Promise<DiskSink> {
  const plan = planVhd(size, settings)
  if (plan.footer.type === 'fixed') return new FixedSink(file, plan)
  return new SparseSink(file, plan)
}

class FixedSink implements DiskSink {
  readonly size: number
  readonly order = 'any'
  readonly #file: DiskFile
  readonly #plan: VhdPlan
  readonly #touched = new Touched()

  constructor(file: DiskFile, plan: VhdPlan) {
    this.#file = file
    this.#plan = plan
    this.size = plan.footer.size
  }

  async write(offset: number, bytes: Uint8Array, { signal }: IoOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    checkRange(this.size, offset, bytes.length)
    this.#touched.add(offset, bytes.length)
    await this.#file.write(offset, bytes)
  }

  async zero(offset: number, length: number, { signal }: IoOptions = {}): Promise<void> {
    checkRange(this.size, offset, length)
    for (const range of this.#touched.within(offset, length)) {
      signal?.throwIfAborted()
      await this.#file.write(range.offset, new Uint8Array(range.length))
    }
  }

  async finish(): Promise<void> {
    await this.#file.write(this.size, encodeFooter(this.#plan.footer))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }
}

const bitmapBytes = bitmapSize(usualBlockSize)

/** The page before a block's data: its end is the bitmap, so that the data starts on a page, as blktap lays it out. */
const fullBitmapPage = alignedBuffers(1, directAlignment)[0] ?? new Uint8Array(directAlignment)
fullBitmapPage.fill(0xff, directAlignment - bitmapBytes)

class SparseSink implements DiskSink {
  readonly size: number
  readonly order = 'any'
  readonly #file: DiskFile
  readonly #plan: VhdPlan
  readonly #table: Uint32Array
  /** Of differencing disks: which sectors are in this file. Dynamic disks say "all" for each block that they have. */
  readonly #bitmaps: Map<number, Uint8Array> | undefined
  /** Where the next block's bitmap page goes. */
  #end: number

  constructor(file: DiskFile, plan: VhdPlan) {
    this.#file = file
    this.#plan = plan
    this.size = plan.footer.size
    this.#table = new Uint32Array(plan.blocks).fill(absent)
    this.#bitmaps = plan.parent ? new Map() : undefined
    this.#end = alignUp(frontSize(plan), directAlignment)
  }

  async write(offset: number, bytes: Uint8Array, { signal }: IoOptions = {}): Promise<void> {
    checkRange(this.size, offset, bytes.length)
    for (let done = 0; done < bytes.length;) {
      signal?.throwIfAborted()
      const block = Math.floor((offset + done) / usualBlockSize)
      const start = (offset + done) % usualBlockSize
      const part = bytes.subarray(done, done + usualBlockSize - start)
      await this.#writeBlock(block, start, part)
      done += part.length
    }
  }

  async #writeBlock(block: number, start: number, part: Uint8Array): Promise<void> {
    const isNew = !isPresent(this.#table[block])
    if (isNew) {
      this.#table[block] = (this.#end + directAlignment - bitmapBytes) / sectorSize
      this.#end += directAlignment + usualBlockSize
    }
    this.#mark(block, start, part.length)
    const data = (this.#table[block] ?? 0) * sectorSize + bitmapBytes
    if (!isNew || this.#bitmaps) return await this.#file.write(data + start, part)
    if (start === 0) return await this.#file.write(data - directAlignment, fullBitmapPage, part)
    await this.#file.write(data - directAlignment, fullBitmapPage)
    await this.#file.write(data + start, part)
  }

  #mark(block: number, start: number, length: number): void {
    if (!this.#bitmaps) return
    if (start % sectorSize !== 0 || length % sectorSize !== 0) {
      throw diskErrors.bad_size({ size: length, reason: 'changes of a differencing VHD are whole sectors' })
    }
    const bitmap = this.#bitmaps.get(block) ?? new Uint8Array(bitmapBytes)
    setBits(bitmap, start / sectorSize, (start + length) / sectorSize)
    this.#bitmaps.set(block, bitmap)
  }

  async zero(offset: number, length: number, { signal }: IoOptions = {}): Promise<void> {
    checkRange(this.size, offset, length)
    for (let at = offset; at < offset + length;) {
      signal?.throwIfAborted()
      const block = Math.floor(at / usualBlockSize)
      const end = Math.min((block + 1) * usualBlockSize, offset + length)
      // What a differencing disk does not have is the parent's, so its zeros are data.
      if (this.#bitmaps || isPresent(this.#table[block])) await this.write(at, new Uint8Array(end - at))
      at = end
    }
  }

  async finish(): Promise<void> {
    for (const [block, bitmap] of this.#bitmaps ?? [])
      await this.#file.write((this.#table[block] ?? 0) * sectorSize, bitmap)
    await this.#file.write(0, ...encodeFront(this.#plan, this.#table))
    await this.#file.write(this.#end, encodeFooter(this.#plan.footer))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }
}
