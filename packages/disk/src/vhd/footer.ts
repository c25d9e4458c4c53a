import { randomBytes } from 'node:crypto'
import { viewOf } from '@nixen/core'
import { diskErrors } from '../errors.ts'

// Virtual Hard Disk Image Format Specification, version 1.0 (Microsoft, 2006). All numbers are big endian.

export const sectorSize = 512
export const footerSize = 512
/** Disk type of the footer. */
export const vhdTypes = { fixed: 2, dynamic: 3, differencing: 4 } as const

export type VhdType = keyof typeof vhdTypes

/** Largest disk that XenServer and XCP-ng put in a VHD (2040 GiB): block addresses are 32-bit sector numbers. */
export const largestVhd: number = 2040 * 1024 ** 3

/** The footer ("Hard Disk Footer Format"), at the end of every VHD; a copy is at the start of those that are not fixed. */
export interface VhdFooter {
  readonly type: VhdType
  /** Virtual size in bytes. */
  readonly size: number
  /** Where the dynamic disk header is; for fixed disks `undefined`. */
  readonly headerOffset: number | undefined
  /** Epoch milliseconds; the format counts whole seconds since 2000. */
  readonly time: number
  /** Four characters. */
  readonly creator: string
  /** 32 hexadecimal digits. */
  readonly uuid: string
}

/** The largest geometry means that the size counts, not the geometry. */
const largestGeometry = { cylinders: 65_535, heads: 16, sectors: 255 }
// Programs whose disks are as large as the geometry says, rounded down from what was asked for.
const geometryCounts = new Set(['vpc ', 'qemu'])
/** 2000-01-01T00:00:00Z in epoch milliseconds. */
const epoch = 946_684_800_000

/** Encodes a footer with its checksum. */
export function encodeFooter(footer: VhdFooter): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(footerSize)
  const view = viewOf(bytes)
  bytes.set(Buffer.from('conectix'))
  // Features: the reserved bit is always set.
  view.setUint32(8, 2)
  view.setUint32(12, 0x1_0000)
  view.setBigUint64(16, footer.headerOffset === undefined ? 0xffff_ffff_ffff_ffffn : BigInt(footer.headerOffset))
  view.setUint32(24, Math.max(0, Math.floor((footer.time - epoch) / 1000)))
  bytes.set(Buffer.from(footer.creator, 'latin1').subarray(0, 4), 28)
  view.setUint32(32, 0x1_0003)
  bytes.set(Buffer.from('Wi2k'), 36)
  view.setBigUint64(40, BigInt(footer.size))
  view.setBigUint64(48, BigInt(footer.size))
  const { cylinders, heads, sectors } = geometryOf(footer.size)
  view.setUint16(56, cylinders)
  view.setUint8(58, heads)
  view.setUint8(59, sectors)
  view.setUint32(60, vhdTypes[footer.type])
  bytes.set(Buffer.from(footer.uuid, 'hex'), 68)
  view.setUint32(64, checksumOf(bytes, 64))
  return bytes
}

/** Reads a footer; `disk.corrupt` with what is wrong. `at` is where it was found. */
export function decodeFooter(bytes: Uint8Array, path: string, at: number): VhdFooter {
  const view = viewOf(bytes)
  const corrupt = (what: string, offset: number): Error => diskErrors.corrupt({ path, what, offset: at + offset })
  if (!hasFooterCookie(bytes)) throw corrupt('there is no VHD footer', 0)
  if (view.getUint32(64) !== checksumOf(bytes, 64)) throw corrupt('the checksum of the VHD footer is wrong', 64)
  const version = view.getUint32(12)
  if (version >>> 16 !== 1)
    throw diskErrors.unsupported({ path, feature: `version ${version >>> 16} of the VHD format` })
  const type = (Object.keys(vhdTypes) as VhdType[]).find((name) => vhdTypes[name] === view.getUint32(60))
  if (!type) throw corrupt(`there is no VHD disk type ${view.getUint32(60)}`, 60)
  const creator = Buffer.from(bytes.subarray(28, 32)).toString('latin1')
  const size = virtualSize(bytes, { creator, path })
  const headerOffset = view.getBigUint64(16)
  if (type !== 'fixed' && headerOffset > BigInt(Number.MAX_SAFE_INTEGER)) throw corrupt('the VHD header is nowhere', 16)
  return {
    type,
    size,
    creator,
    headerOffset: type === 'fixed' ? undefined : Number(headerOffset),
    time: epoch + view.getUint32(24) * 1000,
    uuid: Buffer.from(bytes.subarray(68, 84)).toString('hex'),
  }
}

/** Whether these bytes begin as a footer does. */
export function hasFooterCookie(bytes: Uint8Array): boolean {
  return bytes.length >= footerSize && Buffer.from(bytes.subarray(0, 8)).toString('latin1') === 'conectix'
}

function virtualSize(bytes: Uint8Array, { creator, path }: { creator: string; path: string }): number {
  const view = viewOf(bytes)
  const current = view.getBigUint64(48)
  const [cylinders, heads, sectors] = [view.getUint16(56), view.getUint8(58), view.getUint8(59)]
  const { cylinders: most, heads: mostHeads, sectors: mostSectors } = largestGeometry
  const isLargest = cylinders === most && heads === mostHeads && sectors === mostSectors
  if (geometryCounts.has(creator) && !isLargest) return cylinders * heads * sectors * sectorSize
  // Twice what block addresses can reach: a sparse disk may be larger than what it holds.
  const limit = 4 * 1024 ** 4
  if (current > BigInt(limit)) throw diskErrors.too_large({ path, what: 'the disk', size: current, limit })
  if (current % BigInt(sectorSize) !== 0n)
    throw diskErrors.corrupt({ path, what: 'the size is not whole sectors', offset: 48 })
  return Number(current)
}

/** The one's complement of the sum of all bytes but those of the checksum itself, at `position`. */
export function checksumOf(bytes: Uint8Array, position: number): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i++) if (i < position || i >= position + 4) sum += bytes[i] ?? 0
  return ~sum >>> 0
}

/** A geometry for old guests, by the rules of the specification's appendix ("CHS Calculation"). */
export function geometryOf(size: number): { cylinders: number; heads: number; sectors: number } {
  const total = Math.min(Math.floor(size / sectorSize), 65_535 * 16 * 255)
  if (total >= 65_535 * 16 * 63) return split(total, 16, 255)
  const first = { sectors: 17, tracks: Math.floor(total / 17) }
  let heads = Math.max(4, Math.floor((first.tracks + 1023) / 1024))
  if (first.tracks < heads * 1024 && heads <= 16) return split(total, heads, 17)
  const second = Math.floor(total / 31)
  heads = 16
  if (second < heads * 1024) return split(total, heads, 31)
  return split(total, heads, 63)
}

function split(total: number, heads: number, sectors: number): { cylinders: number; heads: number; sectors: number } {
  return { cylinders: Math.floor(Math.floor(total / sectors) / heads), heads, sectors }
}

/** A new random UUID as 32 hexadecimal digits. */
export function newVhdUuid(): string {
  return randomBytes(16).toString('hex')
}
