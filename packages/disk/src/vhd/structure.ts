import { isAppError, viewOf } from '@nixen/core'
import { diskErrors } from '../errors.ts'
import { checkWithin, type DiskFile } from '../file.ts'
import { decodeFooter, footerSize, hasFooterCookie, sectorSize, type VhdFooter } from './footer.ts'
import { absent, bitmapSize, decodeHeader, decodeLocator, headerSize, windowsName, type VhdHeader } from './header.ts'

/** What a VHD says about itself, read from its file. */
export interface VhdStructure {
  readonly footer: VhdFooter
  /** For dynamic and differencing disks. */
  readonly sparse: SparseStructure | undefined
}

export interface SparseStructure {
  readonly header: VhdHeader
  /** Sector of each block's bitmap, or {@link absent}. */
  readonly table: Uint32Array
  readonly bitmapSize: number
}

/** Reads footer, header and block table. A damaged footer is replaced by its copy at the start. */
export async function readStructure(file: DiskFile): Promise<VhdStructure> {
  const footer = await readFooter(file)
  if (footer.headerOffset === undefined) {
    const size = await file.size()
    if (footer.size > size)
      throw diskErrors.truncated({ path: file.path, expected: footer.size + footerSize, received: size })
    return { footer, sparse: undefined }
  }
  const bytes = new Uint8Array(headerSize)
  await file.read(footer.headerOffset, bytes)
  const header = decodeHeader(bytes, { path: file.path, at: footer.headerOffset, size: footer.size })
  checkWithin(file.path, await file.size(), { offset: header.tableOffset, length: header.blocks * 4 })
  const entries = new Uint8Array(header.blocks * 4)
  await file.read(header.tableOffset, entries)
  return { footer, sparse: { header, table: decodeTable(entries), bitmapSize: bitmapSize(header.blockSize) } }
}

async function readFooter(file: DiskFile): Promise<VhdFooter> {
  const size = await file.size()
  if (size < footerSize) throw diskErrors.truncated({ path: file.path, expected: footerSize, received: size })
  const bytes = new Uint8Array(footerSize)
  await file.read(size - footerSize, bytes)
  try {
    return decodeFooter(bytes, file.path, size - footerSize)
  } catch (error) {
    if (!isAppError(error, 'disk.corrupt')) throw error
    // "If the footer is corrupted or missing, the copy at the start is used": the case after a crash while the file grew.
    await file.read(0, bytes)
    if (!hasFooterCookie(bytes)) throw error
    return decodeFooter(bytes, file.path, 0)
  }
}

/** Reads block table entries. */
export function decodeTable(entries: Uint8Array): Uint32Array {
  const view = viewOf(entries)
  return Uint32Array.from({ length: entries.length / 4 }, (_, index) => view.getUint32(index * 4))
}

/** Encodes a block table, filled with absent entries up to a whole sector. */
export function encodeTable(table: Uint32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(tableSize(table.length)).fill(0xff)
  const view = viewOf(bytes)
  for (const [index, entry] of table.entries()) view.setUint32(index * 4, entry)
  return bytes
}

/** Bytes of a block table in a file. */
export function tableSize(blocks: number): number {
  return Math.ceil((blocks * 4) / sectorSize) * sectorSize
}

/** File names of the parent, the most portable first. */
export async function parentNames(file: DiskFile, header: VhdHeader): Promise<string[]> {
  const names = new Map<string, string>()
  for (const { platform, offset, length } of header.locators) {
    const data = new Uint8Array(length)
    // A locator that is damaged is as good as one that is missing: there are others, and the parent's UUID is compared.
    const found = await file.read(offset, data).then(
      () => decodeLocator(platform, data),
      () => undefined,
    )
    if (found) names.set(platform, found)
  }
  const ordered: (string | undefined)[] = [
    names.get('W2ru'),
    names.get('MacX'),
    windowsName(header.parentName),
    names.get('W2ku'),
  ]
  return [...new Set(ordered.filter((name): name is string => name !== undefined && name !== ''))]
}

/** Whether a block is in the file. */
export function isPresent(entry: number | undefined): entry is number {
  return entry !== undefined && entry !== absent
}
