import { ByteReader, isAppError, type ByteStream } from '@nixen/core'
import { bitRuns } from '../bitmap.ts'
import type { IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import type { DecodeOptions, DiskPart, DiskStream, ImageInfo } from '../format.ts'
import { decodeFooter, footerSize, hasFooterCookie, sectorSize, type VhdFooter } from './footer.ts'
import { bitmapSize, decodeHeader, headerSize, type VhdHeader } from './header.ts'
import { decodeTable, isPresent } from './structure.ts'

/**
 * Reads a dynamic or differencing VHD that comes as a stream, as XAPI exports it: the blocks in whatever order they come. A differencing
 * one gives only its own sectors. A fixed VHD can't be told from a raw disk before its end: `disk.not_streamable`.
 */
export async function decodeVhd(stream: ByteStream, { name = 'The stream' }: DecodeOptions = {}): Promise<DiskStream> {
  const reader = new Reader(new ByteReader(stream), name)
  const first = (await reader.at(0, footerSize)).slice()
  if (!hasFooterCookie(first)) {
    throw diskErrors.not_streamable({
      path: name,
      what: 'it does not begin as a dynamic VHD does (fixed VHDs end with their footer)',
    })
  }
  const footer = decodeFooter(first, name, 0)
  if (footer.headerOffset === undefined)
    throw diskErrors.corrupt({ path: name, what: 'a fixed VHD begins with a footer', offset: 0 })
  const at = footer.headerOffset
  const header = decodeHeader((await reader.at(at, headerSize)).slice(), { path: name, at, size: footer.size })
  const table = decodeTable(await reader.at(header.tableOffset, header.blocks * 4))
  const blocks = [...table.keys()].filter((block) => isPresent(table[block]))
  const ascending = blocks.every((block, i) => i === 0 || (table[block] ?? 0) > (table[blocks[i - 1] ?? 0] ?? 0))
  const ranges = blocks.map((block) => {
    const offset = block * header.blockSize
    return { offset, length: Math.min(header.blockSize, footer.size - offset) }
  })
  blocks.sort((a, b) => (table[a] ?? 0) - (table[b] ?? 0))
  return {
    size: footer.size,
    order: ascending ? 'ascending' : 'any',
    ranges,
    info: describe(footer, header, blocks.length),
    parts: (options) => parts({ reader, footer, header, table, blocks }, options),
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  }
}

interface StreamState {
  readonly reader: Reader
  readonly footer: VhdFooter
  readonly header: VhdHeader
  readonly table: Uint32Array
  /** Blocks in the order of the stream. */
  readonly blocks: readonly number[]
}

async function* parts(state: StreamState, { signal }: IoOptions = {}): AsyncGenerator<DiskPart> {
  const { reader, footer, header, table } = state
  const bitmapBytes = bitmapSize(header.blockSize)
  for (const block of state.blocks) {
    signal?.throwIfAborted()
    const at = (table[block] ?? 0) * sectorSize
    const bitmap = (await reader.at(at, bitmapBytes)).slice()
    const data = await reader.at(at + bitmapBytes, header.blockSize)
    const offset = block * header.blockSize
    const sectors = Math.min(header.blockSize, footer.size - offset) / sectorSize
    for (const { start, end, set } of bitRuns(bitmap, 0, sectors)) {
      if (set) yield { offset: offset + start * sectorSize, bytes: data.subarray(start * sectorSize, end * sectorSize) }
    }
  }
  await reader.expectFooter(footer)
}

function describe(footer: VhdFooter, header: VhdHeader, allocatedBlocks: number): ImageInfo {
  const details = { subformat: footer.type, uuid: footer.uuid, blockSize: header.blockSize, allocatedBlocks }
  const info = { format: 'vhd', virtualSize: footer.size }
  if (footer.type !== 'differencing') return { ...info, details }
  return { ...info, details: { ...details, parentUuid: header.parentUuid }, parent: { path: header.parentName } }
}

/** Reads what lies at an offset of a stream; offsets only grow. */
class Reader {
  readonly #reader: ByteReader
  readonly #name: string

  constructor(reader: ByteReader, name: string) {
    this.#reader = reader
    this.#name = name
  }

  async at(offset: number, length: number): Promise<Uint8Array> {
    const gap = offset - this.#reader.position
    if (gap < 0) {
      throw diskErrors.not_streamable({
        path: this.#name,
        what: `its parts are out of order or overlap at byte ${offset}`,
      })
    }
    try {
      await this.#reader.skip(gap)
      return await this.#reader.read(length)
    } catch (error) {
      if (!isAppError(error, 'stream.truncated')) throw error
      const received = this.#reader.position
      throw diskErrors.truncated({ path: this.#name, expected: offset + length, received }, { cause: error })
    }
  }

  /** The last 512 bytes are the footer: without it the stream was cut. */
  async expectFooter(footer: VhdFooter): Promise<void> {
    let last: Uint8Array = new Uint8Array(0)
    let start = this.#reader.position
    for (let part = await this.#reader.some(); part; part = await this.#reader.some()) {
      last = Buffer.concat([last, part]).subarray(-footerSize)
      start = this.#reader.position - last.length
    }
    if (last.length < footerSize) {
      throw diskErrors.truncated({ path: this.#name, expected: start + footerSize, received: start + last.length })
    }
    if (decodeFooter(last, this.#name, start).uuid !== footer.uuid) {
      throw diskErrors.corrupt({ path: this.#name, what: 'the footer at the end is of another disk', offset: start })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]()
  }
}
