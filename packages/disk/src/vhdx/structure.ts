import { KiB, MiB, safeInteger, viewOf } from '@nixen/core'
import type { IoOptions } from '../disk-source.ts'
import { diskErrors } from '../errors.ts'
import type { DiskFile } from '../file.ts'
import { checksumWithout } from './crc32c.ts'
import { guid, noGuid, readGuid } from './guid.ts'
import { readLog, ReplayedFile } from './log.ts'

export const fileMagic = 'vhdxfile'
export const headerOffsets: readonly number[] = [64 * KiB, 128 * KiB]
export const regionOffsets: readonly number[] = [192 * KiB, 256 * KiB]
export const headerSize: number = 4 * KiB
export const tableSize: number = 64 * KiB
/** Largest disk that VHDX can hold. */
export const largestVhdx: number = 64 * 1024 ** 4

/** What is behind the headers of a VHDX. Sizes in bytes. */
export interface VhdxStructure {
  readonly file: ReplayedFile
  readonly size: number
  readonly blockSize: number
  readonly sectorSize: number
  readonly fixed: boolean
  /** Changes whenever the content does; a child names its parent by it. */
  readonly dataWriteGuid: string
  readonly diskId: string
  /** Where the block table is. */
  readonly table: { readonly offset: number; readonly length: number }
  /** Entries of the parent locator by key; `undefined` without a parent. */
  readonly parent: ReadonlyMap<string, string> | undefined
}

interface Header {
  readonly sequence: bigint
  readonly dataWriteGuid: string
  readonly log: { readonly id: string; readonly offset: number; readonly length: number }
}

interface Region {
  readonly offset: number
  readonly length: number
}

/** Whether bytes start as a VHDX does. */
export function isVhdx(head: Uint8Array): boolean {
  return new TextDecoder('latin1').decode(head.subarray(0, 8)) === fileMagic
}

/** Reads everything but the block table; replays the log in memory. */
export async function readStructure(file: DiskFile, options: IoOptions = {}): Promise<VhdxStructure> {
  const { path } = file
  const magic = new Uint8Array(8)
  await file.read(0, magic, options)
  if (!isVhdx(magic)) throw diskErrors.not_this_format({ path, format: 'vhdx' })
  const header = await readHeader(file, options)
  const replayed =
    header.log.id === noGuid ? new ReplayedFile(file, await file.size()) : await readLog(file, header.log, options)
  const regions = await readRegions(replayed, options)
  const table = regions.get(guid.bat)
  const metadata = regions.get(guid.metadata)
  if (!table || !metadata) throw diskErrors.corrupt({ path, what: 'it has no block table or no metadata' })
  if (table.offset + table.length > replayed.size) {
    throw diskErrors.truncated({ path, expected: table.offset + table.length, received: replayed.size })
  }
  return {
    file: replayed,
    dataWriteGuid: header.dataWriteGuid,
    table,
    ...parseItems(await readItems(replayed, metadata, options), path),
  }
}

/** The newer one of the two headers; one of them may be damaged. */
async function readHeader(file: DiskFile, options: IoOptions): Promise<Header> {
  let best: Header | undefined
  for (const offset of headerOffsets) {
    const bytes = new Uint8Array(headerSize)
    await file.read(offset, bytes, options)
    const found = parseHeader(bytes, file.path)
    if (found && (!best || found.sequence > best.sequence)) best = found
  }
  if (!best) throw diskErrors.corrupt({ path: file.path, what: 'both of its headers are damaged' })
  return best
}

function parseHeader(bytes: Uint8Array, path: string): Header | undefined {
  const view = viewOf(bytes)
  if (view.getUint32(0, true) !== 0x6461_6568 || checksumWithout(bytes, 4) !== view.getUint32(4, true)) return undefined
  const id = readGuid(bytes.subarray(48, 64))
  const version = view.getUint16(66, true)
  if (version !== 1) throw diskErrors.unsupported({ path, feature: `version ${version} of VHDX` })
  if (id !== noGuid && view.getUint16(64, true) !== 0) {
    throw diskErrors.unsupported({ path, feature: `version ${view.getUint16(64, true)} of the log` })
  }
  const offset = safeInteger(view.getBigUint64(72, true))
  if (offset === undefined) return undefined
  return {
    sequence: view.getBigUint64(8, true),
    dataWriteGuid: readGuid(bytes.subarray(32, 48)),
    log: { id, offset, length: view.getUint32(68, true) },
  }
}

async function readRegions(file: ReplayedFile, options: IoOptions): Promise<Map<string, Region>> {
  for (const offset of regionOffsets) {
    const bytes = new Uint8Array(tableSize)
    await file.read(offset, bytes, options)
    const view = viewOf(bytes)
    if (view.getUint32(0, true) !== 0x6967_6572 || checksumWithout(bytes, 4) !== view.getUint32(4, true)) continue
    return parseRegions(bytes, file.path)
  }
  throw diskErrors.corrupt({ path: file.path, what: 'both of its region tables are damaged' })
}

function parseRegions(bytes: Uint8Array, path: string): Map<string, Region> {
  const view = viewOf(bytes)
  const count = view.getUint32(8, true)
  if (count > 2047) throw diskErrors.corrupt({ path, what: `${count} regions make no sense` })
  const regions = new Map<string, Region>()
  for (let index = 0; index < count; index++) {
    const at = 16 + index * 32
    const id = readGuid(bytes.subarray(at, at + 16))
    const offset = safeInteger(view.getBigUint64(at + 16, true))
    const length = view.getUint32(at + 24, true)
    const known = id === guid.bat || id === guid.metadata
    if (!known && (view.getUint32(at + 28, true) & 1) !== 0) {
      throw diskErrors.unsupported({ path, feature: `the region ${id}` })
    }
    if (offset === undefined || offset < MiB || offset % MiB !== 0 || length === 0 || length % MiB !== 0) {
      throw diskErrors.corrupt({ path, what: 'a region is at a place that makes no sense' })
    }
    regions.set(id, { offset, length })
  }
  return regions
}

async function readItems(file: ReplayedFile, region: Region, options: IoOptions): Promise<Map<string, Uint8Array>> {
  const { path } = file
  const bytes = new Uint8Array(tableSize)
  await file.read(region.offset, bytes, options)
  const view = viewOf(bytes)
  const count = view.getUint16(10, true)
  if (new TextDecoder('latin1').decode(bytes.subarray(0, 8)) !== 'metadata' || count > 1023) {
    throw diskErrors.corrupt({ path, what: 'its metadata table is damaged', offset: region.offset })
  }
  const known = new Set<string>(Object.values(guid))
  const items = new Map<string, Uint8Array>()
  for (let index = 0; index < count; index++) {
    const at = 32 + index * 32
    const id = readGuid(bytes.subarray(at, at + 16))
    const [offset, length] = [view.getUint32(at + 16, true), view.getUint32(at + 20, true)]
    // Items of users, and those that are not required, may be unknown.
    if (!known.has(id)) {
      if ((view.getUint32(at + 24, true) & 4) !== 0)
        throw diskErrors.unsupported({ path, feature: `the metadata item ${id}` })
      continue
    }
    if (length > MiB || offset + length > region.length) {
      throw diskErrors.corrupt({ path, what: 'a metadata item is outside of its region', offset: region.offset })
    }
    const item = new Uint8Array(length)
    await file.read(region.offset + offset, item, options)
    items.set(id, item)
  }
  return items
}

function parseItems(
  items: ReadonlyMap<string, Uint8Array>,
  path: string,
): Pick<VhdxStructure, 'size' | 'blockSize' | 'sectorSize' | 'fixed' | 'diskId' | 'parent'> {
  const item = (id: string, length: number, what: string): DataView => {
    const bytes = items.get(id)
    if (!bytes || bytes.length < length) throw diskErrors.corrupt({ path, what: `its metadata has no ${what}` })
    return viewOf(bytes)
  }
  const parameters = item(guid.fileParameters, 8, 'block size')
  const blockSize = parameters.getUint32(0, true)
  const flags = parameters.getUint32(4, true)
  const size = safeInteger(item(guid.virtualDiskSize, 8, 'size').getBigUint64(0, true))
  const sectorSize = item(guid.logicalSectorSize, 4, 'sector size').getUint32(0, true)
  if (sectorSize !== 512 && sectorSize !== 4096) {
    throw diskErrors.corrupt({ path, what: `sectors of ${sectorSize} bytes make no sense` })
  }
  if (blockSize < MiB || blockSize > 256 * MiB || (blockSize & (blockSize - 1)) !== 0) {
    throw diskErrors.corrupt({ path, what: `blocks of ${blockSize} bytes make no sense` })
  }
  if (size === undefined || size > largestVhdx || size % sectorSize !== 0) {
    throw diskErrors.corrupt({ path, what: 'its size makes no sense' })
  }
  const locator = items.get(guid.parentLocator)
  if ((flags & 2) !== 0 && !locator) throw diskErrors.corrupt({ path, what: 'it does not say what it builds on' })
  const id = items.get(guid.virtualDiskId)
  return {
    size,
    blockSize,
    sectorSize,
    fixed: (flags & 1) !== 0,
    diskId: id && id.length >= 16 ? readGuid(id) : noGuid,
    parent: (flags & 2) !== 0 && locator ? parseLocator(locator, path) : undefined,
  }
}

/** Keys and values in UTF-16 that say where the parent is (MS-VHDX 2.6.2.6). */
function parseLocator(bytes: Uint8Array, path: string): Map<string, string> {
  const broken = (): Error => diskErrors.corrupt({ path, what: 'what it says about its parent is damaged' })
  if (bytes.length < 20 || readGuid(bytes) !== guid.vhdxLocator) throw broken()
  const view = viewOf(bytes)
  const count = view.getUint16(18, true)
  if (20 + count * 12 > bytes.length) throw broken()
  const text = (offset: number, length: number): string => {
    if (offset + length > bytes.length) throw broken()
    return new TextDecoder('utf-16le').decode(bytes.subarray(offset, offset + length))
  }
  const entries = new Map<string, string>()
  for (let index = 0; index < count; index++) {
    const at = 20 + index * 12
    const key = text(view.getUint32(at, true), view.getUint16(at + 8, true))
    entries.set(key.toLowerCase(), text(view.getUint32(at + 4, true), view.getUint16(at + 10, true)))
  }
  return entries
}
