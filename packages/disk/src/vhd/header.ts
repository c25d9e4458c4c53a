import { alignUp, safeInteger, viewOf } from '@nixen/core'
import { diskErrors } from '../errors.ts'
import { checksumOf, sectorSize } from './footer.ts'

export const headerSize = 1024
/** Block size that every program writes. */
export const usualBlockSize: number = 2 * 1024 * 1024
/** A block allocation table entry of a block that is not in the file. */
export const absent = 0xffff_ffff
/** Blocks that a table may have here: a hundred thousand times a usual disk's, and 16 MiB of memory. */
const mostBlocks = 4 * 1024 * 1024

/** Where the file of the parent is, as one platform writes it. */
export interface ParentLocator {
  /** `W2ru` (relative, Windows), `W2ku` (absolute, Windows), `MacX` (file URL). */
  readonly platform: string
  readonly offset: number
  readonly length: number
}

/** The header of dynamic and differencing disks ("Dynamic Disk Header Format"). */
export interface VhdHeader {
  readonly tableOffset: number
  readonly blocks: number
  readonly blockSize: number
  /** 32 hexadecimal digits; zeros without a parent. */
  readonly parentUuid: string
  readonly parentTime: number
  readonly parentName: string
  readonly locators: readonly ParentLocator[]
}

/** Bytes of the sector bitmap before a block's data. */
export function bitmapSize(blockSize: number): number {
  return alignUp(Math.ceil(blockSize / sectorSize / 8), sectorSize)
}

/** Encodes a header with its checksum. Parent times are 0: programs compare the UUID. */
export function encodeHeader(header: Omit<VhdHeader, 'parentTime'>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(headerSize)
  const view = viewOf(bytes)
  bytes.set(Buffer.from('cxsparse'))
  view.setBigUint64(8, 0xffff_ffff_ffff_ffffn)
  view.setBigUint64(16, BigInt(header.tableOffset))
  view.setUint32(24, 0x1_0000)
  view.setUint32(28, header.blocks)
  view.setUint32(32, header.blockSize)
  bytes.set(Buffer.from(header.parentUuid, 'hex'), 40)
  // Big endian, unlike the locators.
  bytes.set(Buffer.from(header.parentName.slice(0, 255), 'utf16le').swap16(), 64)
  for (const [index, { platform, offset, length }] of header.locators.entries()) {
    const at = 576 + 24 * index
    bytes.set(Buffer.from(platform, 'latin1'), at)
    // "Platform Data Space" is in sectors by the text, in bytes by Windows; blktap takes both.
    view.setUint32(at + 4, alignUp(length, sectorSize))
    view.setUint32(at + 8, length)
    view.setBigUint64(at + 16, BigInt(offset))
  }
  view.setUint32(36, checksumOf(bytes, 36))
  return bytes
}

/** Reads a header; `size` is the disk's. `disk.corrupt`, `disk.too_large`. */
export function decodeHeader(
  bytes: Uint8Array,
  { path, at, size }: { path: string; at: number; size: number },
): VhdHeader {
  const view = viewOf(bytes)
  const corrupt = (what: string, offset: number): Error => diskErrors.corrupt({ path, what, offset: at + offset })
  if (Buffer.from(bytes.subarray(0, 8)).toString('latin1') !== 'cxsparse') throw corrupt('there is no VHD header', 0)
  if (view.getUint32(36) !== checksumOf(bytes, 36)) throw corrupt('the checksum of the VHD header is wrong', 36)
  const tableOffset = safeInteger(view.getBigUint64(16))
  if (tableOffset === undefined) throw corrupt('the block table is nowhere', 16)
  const blockSize = view.getUint32(32)
  if (blockSize < 4096 || blockSize > 256 * 1024 * 1024 || !Number.isInteger(Math.log2(blockSize))) {
    throw corrupt(`a block of ${blockSize} bytes is not possible`, 32)
  }
  const blocks = view.getUint32(28)
  const needed = Math.ceil(size / blockSize)
  if (needed > blocks) throw corrupt(`the table has ${blocks} entries and the disk needs ${needed}`, 28)
  if (needed > mostBlocks)
    throw diskErrors.too_large({ path, what: 'the block table', size: needed * 4, limit: mostBlocks * 4 })
  return {
    tableOffset,
    blocks: needed,
    blockSize,
    parentUuid: Buffer.from(bytes.subarray(40, 56)).toString('hex'),
    parentTime: view.getUint32(56),
    parentName: untilNul(Buffer.from(bytes.subarray(64, 576)).swap16().toString('utf16le')),
    locators: decodeLocators(view),
  }
}

function decodeLocators(view: DataView): ParentLocator[] {
  const locators: ParentLocator[] = []
  for (let at = 576; at < 768; at += 24) {
    const platform = String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)))
    const length = view.getUint32(at + 8)
    const offset = safeInteger(view.getBigUint64(at + 16))
    // Names are short: what is longer is damage.
    if (platform !== '\0\0\0\0' && offset !== undefined && length > 0 && length <= 4096) {
      locators.push({ platform, offset, length })
    }
  }
  return locators
}

/** The file name in a locator's data, with `/` between its parts; `undefined` for platforms that are not known. */
export function decodeLocator(platform: string, data: Uint8Array): string | undefined {
  switch (platform) {
    case 'W2ru':
    case 'W2ku':
      return windowsName(untilNul(Buffer.from(data).toString('utf16le')))
    case 'MacX': {
      const url = untilNul(Buffer.from(data).toString('utf8')).replace(/^file:\/\/(?:localhost(?=\/))?/, '')
      return safeDecode(url)
    }
    default:
      return undefined
  }
}

/** The data of a locator for a file in the same directory. */
export function encodeLocator(platform: 'W2ru' | 'MacX', name: string): Uint8Array {
  return platform === 'MacX' ? Buffer.from(`file://./${encodeURI(name)}`) : Buffer.from(`.\\${name}`, 'utf16le')
}

/** `C:\vm\base.vhd` → `/vm/base.vhd`, `.\base.vhd` → `./base.vhd`. */
export function windowsName(name: string): string {
  return name.replaceAll('\\', '/').replace(/^[a-z]:(?=\/)/i, '')
}

function safeDecode(url: string): string {
  try {
    return decodeURI(url)
  } catch {
    // A file name with a percent sign, written without escaping it.
    return url
  }
}

function untilNul(text: string): string {
  return text.split('\0', 1)[0] ?? ''
}
